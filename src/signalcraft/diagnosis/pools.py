"""The two pools of inference processes: one for those that wait for an answer, one for what nobody waits for long."""

from dataclasses import dataclass
from typing import Self

from signalcraft.diagnosis.pool import InferencePool
from signalcraft.settings import Settings

# It takes what time the others leave, and no less than that.
_BACKGROUND_NICE = 15


@dataclass(frozen=True, slots=True)
class Pools:
    """answering: judges for requests. background: one process that steps back behind all others."""

    answering: InferencePool
    background: InferencePool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The pools that the settings ask for, not yet started."""
        inference = settings.inference

        def pool(processes: int, nice: int) -> InferencePool:
            return InferencePool(
                processes=processes,
                time_limit_s=inference.time_limit_s,
                start_limit_s=inference.warm_timeout_s,
                max_bytes=settings.recordings.max_bytes,
                nice=nice,
            )

        return cls(pool(inference.processes, 0), pool(1, _BACKGROUND_NICE))

    def start(self) -> None:
        """Start all processes; returns at once."""
        self.answering.start()
        self.background.start()

    def stop(self) -> None:
        """End all processes."""
        self.background.stop()
        self.answering.stop()
