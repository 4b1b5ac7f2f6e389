"""Whether the service is alive, what of it is degraded, and whether it may be sent requests."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import text

from signalcraft import __version__
from signalcraft.core.database import Database
from signalcraft.core.errors import TryAgain
from signalcraft.core.logging import get_logger
from signalcraft.diagnosis.client import InferenceClient

logger = get_logger(__name__)

BEAT_EVERY_S = 1.0
# A database that takes longer to answer nothing is as good as away.
PROBE_LIMIT_S = 2.0


class PartState(StrEnum):
    """How one part of the service is."""

    OK = "ok"
    AWAY = "away"
    STARTING = "starting"


class Health(BaseModel):
    """What is alive and what is degraded."""

    status: str = Field(description="`ok`, or `degraded` when a part is not `ok`.", examples=["ok"])
    version: str = Field(examples=["0.1.0"])
    database: PartState
    inference: PartState
    inference_processes_ready: int = Field(examples=[2])
    inference_processes: int = Field(examples=[2])
    model: PartState = Field(description="`away` while the model that is to judge is not on this machine.")
    model_problem: str | None = Field(description="Why the model is away.", examples=[None])


NOT_READY = {
    "status": "degraded",
    "version": __version__,
    "database": "ok",
    "inference": "starting",
    "inference_processes_ready": 1,
    "inference_processes": 2,
    "model": "ok",
    "model_problem": None,
}


class Heartbeat:
    """Looks after the parts once a second, so that asking for the health waits for none of them."""

    def __init__(
        self,
        database: Database,
        inference: InferenceClient,
        processes: int,
        model_problem: Callable[[], str | None],
    ) -> None:
        self._model_problem = model_problem
        self._database = database
        self._inference = inference
        self._processes = processes
        self._ready_processes = 0
        self._database_state = PartState.STARTING

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.beat()
            # Whatever it meets, it must look again: an outdated health is worse than none.
            except Exception:
                logger.exception("health_unknown")
                self._database_state = PartState.AWAY
            await asyncio.sleep(BEAT_EVERY_S)

    async def beat(self) -> None:
        """Look once."""
        self._database_state = await self._look_at_database()
        self._ready_processes = await self._inference.ready_processes()

    def health(self) -> Health:
        """What was seen last."""
        is_whole = self._ready_processes >= self._processes
        inference = (
            PartState.OK if is_whole else PartState.STARTING if self._ready_processes else PartState.AWAY
        )
        problem = self._model_problem()
        model = PartState.OK if problem is None else PartState.AWAY
        parts = (self._database_state, inference, model)
        return Health(
            status="ok" if all(part is PartState.OK for part in parts) else "degraded",
            version=__version__,
            database=self._database_state,
            inference=inference,
            inference_processes_ready=self._ready_processes,
            inference_processes=self._processes,
            model=model,
            model_problem=problem,
        )

    async def _look_at_database(self) -> PartState:
        try:
            async with asyncio.timeout(PROBE_LIMIT_S), self._database.session(read_only=True) as session:
                await session.execute(text("SELECT 1"))
        except (TryAgain, TimeoutError):
            return PartState.AWAY
        return PartState.OK


async def _heartbeat(request: Request) -> Heartbeat:
    heartbeat: Heartbeat = request.app.state.heartbeat
    return heartbeat


CurrentHeartbeat = Annotated[Heartbeat, Depends(_heartbeat)]
router = APIRouter(tags=["operation"])


@router.get("/health")
async def get_health(heartbeat: CurrentHeartbeat) -> Health:
    """Alive, and what is degraded; always 200 while the process lives."""
    return heartbeat.health()


@router.head("/health", include_in_schema=False)
async def head_health() -> None:
    """For load balancers that ask without wanting an answer's body."""


@router.get(
    "/ready",
    responses={
        503: {
            "model": Health,
            "description": "Not all parts are up yet.",
            "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
            "content": {"application/json": {"example": NOT_READY}},
        }
    },
)
async def get_ready(heartbeat: CurrentHeartbeat, response: Response) -> Health:
    """Whether requests may be sent here: the database answers and all inference processes are warm."""
    await heartbeat.beat()
    health = heartbeat.health()
    if health.status != "ok":
        response.status_code = 503
        response.headers["Retry-After"] = "1"
    return health
