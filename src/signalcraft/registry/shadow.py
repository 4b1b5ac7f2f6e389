"""A shadow model hears what the active one has judged; nobody waits for it, and it changes no answer."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

from signalcraft.core.database import Database
from signalcraft.core.errors import SignalCraftError
from signalcraft.core.logging import get_logger
from signalcraft.diagnosis.client import InferenceClient
from signalcraft.registry import repository
from signalcraft.registry.watch import ModelWatch

logger = get_logger(__name__)


class Shadow:
    """Hands judged recordings to the background process, at most `most_waiting` at a time; more are left out.

    inference: the way to the background pool, never to the one that answers.
    """

    def __init__(
        self, database: Database, inference: InferenceClient, models: ModelWatch, most_waiting: int
    ) -> None:
        self.left_out = 0
        self._database = database
        self._inference = inference
        self._models = models
        self._most_waiting = most_waiting
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, diagnosis_id: UUID, file: int) -> None:
        """Let the shadow hear the recording in the open file, if there is a shadow and it has time. Returns at once."""
        shadow = self._models.shadow()
        if shadow is None:
            return
        if len(self._tasks) >= self._most_waiting:
            self.left_out += 1
            logger.info("shadow_left_out", so_far=self.left_out)
            return
        # The caller closes its descriptor; the file has no name and lives as long as ours.
        task = asyncio.create_task(self._judge(diagnosis_id, os.dup(file), *shadow))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what still waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _judge(self, diagnosis_id: UUID, file: int, digest: str, model: Path) -> None:
        try:
            judgement = await self._inference.judge(file, model=model)
            await repository.add_shadow_judgement(self._database, diagnosis_id, digest, judgement)
        except SignalCraftError as error:
            # It was judged, so the recording is sound; this one comparison is missing, and nothing else.
            logger.warning("shadow_failed", code=error.code, reason=str(error))
        except Exception:
            # Nobody awaits this task, so nobody else would tell.
            logger.exception("shadow_failed_unexpectedly")
        finally:
            os.close(file)
