"""What a web worker asks an inference process to learn, and what it gets. Knows no numerical library."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class LearningTask:
    """What a baseline is to be learnt from.

    embeddings: of normal clips in order of time, as `Judgement.embedding`. named: those of each operating state.
    screened: whether outliers are to be left out.
    """

    false_alarm_rate: float
    embeddings: Sequence[bytes]
    named: Mapping[str, Sequence[bytes]] = field(default_factory=dict)
    screened: bool = True

    def to_bytes(self) -> bytes:
        """As it is handed to the process."""
        head = {
            "false_alarm_rate": self.false_alarm_rate,
            "clips": len(self.embeddings),
            "screened": self.screened,
            "named": {name: len(clips) for name, clips in self.named.items()},
        }
        clips = [*self.embeddings, *(clip for clips in self.named.values() for clip in clips)]
        return b"\n".join([json.dumps(head).encode(), b"".join(clips)])

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The reverse of `to_bytes`."""
        head, _, body = content.partition(b"\n")
        told = json.loads(head)
        counts = [told["clips"], *told["named"].values()]
        size = len(body) // max(1, sum(counts))
        clips = iter([body[start : start + size] for start in range(0, len(body), size)])
        groups = [[next(clips) for _ in range(count)] for count in counts]
        named = dict(zip(told["named"], groups[1:], strict=True))
        return cls(told["false_alarm_rate"], groups[0], named, screened=told["screened"])


@dataclass(frozen=True, slots=True)
class Learnt:
    """A baseline. machine: its bytes, to be handed back with recordings.

    outliers: places of the clips that were left out. quality: figures for people, as the API shows them.
    """

    machine: bytes
    outliers: Sequence[int]
    quality: dict[str, Any]

    def told(self) -> bytes:
        """All but `machine`, which travels in the task's file."""
        return json.dumps({"outliers": list(self.outliers), "quality": self.quality}).encode()

    @classmethod
    def of(cls, told: bytes, machine: bytes) -> Self:
        """The reverse of `told`."""
        return cls(machine, **json.loads(told))
