"""All that is known of one machine: its baseline, and its operating states once they are named."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from signalcraft.acoustics.baseline import Baseline
from signalcraft.acoustics.embedding import Vectors
from signalcraft.acoustics.noise import noise_profiles
from signalcraft.acoustics.operating_states import OperatingStates
from signalcraft.acoustics.outliers import outlying


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """A machine's own normal. states: None until an engineer has named them."""

    baseline: Baseline
    states: OperatingStates | None

    def to_bytes(self) -> bytes:
        """As it is stored."""
        baseline = self.baseline.to_bytes()
        states = b"" if self.states is None else self.states.to_bytes()
        return len(baseline).to_bytes(4, "little") + baseline + states

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Machine":
        """The reverse of `to_bytes`.

        Raises:
            ValueError: it is damaged.
        """
        end = 4 + int.from_bytes(stored[:4], "little")
        states = stored[end:]
        return cls(Baseline.from_bytes(stored[4:end]), OperatingStates.from_bytes(states) if states else None)


def learn(
    vectors: Vectors, named: Mapping[str, Vectors], *, false_alarm_rate: float, screened: bool
) -> tuple[Machine, npt.NDArray[np.bool_]]:
    """A machine's normal from its clips in order of time, and which of them were left out as outliers.

    vectors: shape (clips, SIZE), at least `FEWEST_CLIPS`. named: the clips of each operating state, or none.
    screened: whether outliers are looked for.
    """
    outliers = outlying(vectors) if screened else np.zeros(len(vectors), dtype=np.bool_)
    profiles = noise_profiles()
    baseline = Baseline.fit(vectors[~outliers], profiles, false_alarm_rate=false_alarm_rate)
    return Machine(baseline, OperatingStates.fit(named, profiles) if named else None), outliers
