"""What a web worker knows of the registry: which model judges now, and which one listens beside it.

Each worker asks PostgreSQL once a second, which costs one indexed look-up and needs no message that could be lost. It
changes over only when the new model's files are on this machine and are what was added; until then the model that
judged before goes on, and /health says so. Each recording carries its model's path to the inference process, so no
process must be told anything: it loads a model when the first recording asks for it.
"""

import asyncio
from pathlib import Path

from signalcraft.core.database import Database
from signalcraft.core.errors import DatabaseUnavailable
from signalcraft.core.logging import get_logger
from signalcraft.diagnosis.errors import ModelUnavailable
from signalcraft.registry import service
from signalcraft.registry.errors import ModelFilesMissing
from signalcraft.registry.files import ModelFiles
from signalcraft.registry.service import InRole, Role

LOOK_EVERY_S = 1.0
# Another machine may be about to put the files where they are looked for.
_TRY_AGAIN_LOOKS = 5

logger = get_logger(__name__)


class ModelWatch:
    """The models in force in this process.

    problem: why the active model is not the one that judges, None where it is.
    """

    def __init__(self, database: Database, files: ModelFiles) -> None:
        self.problem: str | None = "the registry was not read yet"
        self._database = database
        self._files = files
        self._wanted: dict[Role, InRole] = {}
        self._is_known = False
        self._active: Path | None = None
        self._shadow: tuple[str, Path] | None = None
        self._looks_until_retry = 0

    def active(self) -> Path | None:
        """The model that judges; None is the shipped one.

        Raises:
            ModelUnavailable: it is not known yet, or not on this machine.
        """
        if not self._is_known:
            raise ModelUnavailable
        return self._active

    def shadow(self) -> tuple[str, Path] | None:
        """The digest and the file of the model that listens beside the active one, if there is one."""
        return self._shadow

    async def run(self) -> None:
        """Look once a second until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            # Whatever it meets, it must look again: a model could never be changed any more.
            except Exception:
                logger.exception("model_watch_failed")

    async def look(self) -> None:
        """Look once, and change over if there is something new."""
        try:
            async with self._database.session(read_only=True) as session:
                found = await service.in_roles(session)
        except DatabaseUnavailable:
            return  # What was known still holds.
        self._looks_until_retry -= 1
        if found != self._wanted or (self.problem and self._looks_until_retry <= 0):
            self._looks_until_retry = _TRY_AGAIN_LOOKS
            await self._change_over(found)
            self._wanted = found

    async def _change_over(self, found: dict[Role, InRole]) -> None:
        active, shadow = found[Role.ACTIVE], found[Role.SHADOW]
        try:
            path = await self._path_of(active.digest)
        except ModelFilesMissing as missing:
            self.problem = str(missing)
            logger.error("active_model_missing", reason=self.problem)  # noqa: TRY400 - it says all there is
        else:
            if path != self._active or not self._is_known:
                logger.info("model_in_force", name=active.name or "shipped", version=active.version)
            self._active, self._is_known, self.problem = path, True, None
        try:
            listener = await self._path_of(shadow.digest)
        except ModelFilesMissing as missing:
            self._shadow = None
            logger.error("shadow_model_missing", reason=str(missing))  # noqa: TRY400 - as above
        else:
            self._shadow = None if shadow.digest is None or listener is None else (shadow.digest, listener)

    async def _path_of(self, digest: str | None) -> Path | None:
        return None if digest is None else await asyncio.to_thread(self._files.path_of, digest)
