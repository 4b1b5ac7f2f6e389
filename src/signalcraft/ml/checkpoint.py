"""What a stopped training needs to go on as if it had never stopped."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from signalcraft.core.operator_error import OperatorError


class CheckpointOfAnother(OperatorError):
    """The folder holds a stopped training that can't be gone on with; the message says why."""


@dataclass(frozen=True)
class Checkpoint:
    """A file that is replaced as a whole, so that a stop in the middle of writing leaves the one before.

    identity: the settings and the recordings' hash; a training goes on only with the same of both.
    """

    path: Path
    identity: str

    def save(self, state: dict[str, Any]) -> None:
        """Keep `state`: numbers, and the state dicts of the network, its average and the optimiser."""
        beside = self.path.with_suffix(".writing")
        with beside.open("wb") as file:
            torch.save(state | {"identity": self.identity}, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)

    def load(self) -> dict[str, Any] | None:
        """What was kept, or None if nothing was; raises CheckpointOfAnother if it can't be used here."""
        if not self.path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True)
        except Exception as error:
            # torch and pickle raise many kinds, which share no base; each means that the file is no checkpoint.
            raise CheckpointOfAnother(
                f"{self.path} can't be read; delete it to start over: {error}"
            ) from error
        if state.get("identity") != self.identity:
            raise CheckpointOfAnother(
                f"{self.path} belongs to a training with other settings or recordings; delete it to start over, "
                "or choose another --out"
            )
        return state

    def remove(self) -> None:
        """Forget it: the training has come to its end."""
        self.path.unlink(missing_ok=True)
