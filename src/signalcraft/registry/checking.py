"""Checking a model before it may judge, in a process of its own: what it does there hurts nobody."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Two dozen clips take about two seconds; loading a model takes less.
TIME_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found. checks: each with its name, whether it was passed, and a sentence."""

    name: str
    version: str
    card: dict[str, Any]
    checks: list[dict[str, Any]]

    @property
    def is_passed(self) -> bool:
        """Whether the model may judge."""
        return bool(self.checks) and all(check["is_passed"] for check in self.checks)

    def failures(self) -> str:
        """What it did not pass, as sentences."""
        return " ".join(f"{c['check']}: {c['found']}" for c in self.checks if not c["is_passed"])


def check_model(model: Path, clips: Path, *, time_limit_s: float = TIME_LIMIT_S) -> CheckReport:
    """Check the ONNX file `model`, its card beside it, with the clips of known states in `clips`/<state>/*.flac."""
    command = [sys.executable, "-P", "-m", "signalcraft.diagnosis.model_check", str(model), str(clips)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=time_limit_s, check=False)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        return _failed(f"it was not done within {time_limit_s:.0f} s")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return _failed(f"the process that checked it ended with {done.returncode}: {last}")
    found = json.loads(done.stdout)
    return CheckReport(found["name"], found["version"], found["card"], found["checks"])


def _failed(sentence: str) -> CheckReport:
    return CheckReport("", "", {}, [{"check": "process", "is_passed": False, "found": sentence}])
