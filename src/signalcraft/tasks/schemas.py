"""Tasks at the border."""

from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.diagnosis.schemas import EXAMPLE_DIAGNOSIS, Diagnosis

EXAMPLE_TASK_ID = "0b9f1d3c-6a52-4c8e-8f0a-5d1e2c3b4a59"
EXAMPLE_STATUS_URL = f"/api/analyze/result/{EXAMPLE_TASK_ID}"
EXAMPLE_SUCCESS: dict[str, Any] = {"status": "SUCCESS", "result": EXAMPLE_DIAGNOSIS}
EXAMPLE_FAILURE: dict[str, Any] = {
    "status": "FAILURE",
    "error": {
        "code": "clip_silent",
        "message": "The recording is silent (nothing above -80 dBFS); check that the microphone is connected.",
    },
}


class AcceptedTask(BaseModel):
    """The recording is stored and will be judged."""

    task_id: UUID = Field(examples=[EXAMPLE_TASK_ID])
    status_url: str = Field(description="Where its result is read.", examples=[EXAMPLE_STATUS_URL])


class RunningTask(BaseModel):
    """It waits, or somebody works on it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "PROGRESS", "progress": 57}]})

    status: Literal["PENDING", "PROGRESS"]
    progress: int = Field(
        ge=0,
        le=100,
        description="In percent: 0 waiting, 5 begun, 20 decoded, then the share of the recording that is judged.",
    )


class SucceededTask(BaseModel):
    """It was judged."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_SUCCESS]})

    status: Literal["SUCCESS"]
    result: Diagnosis = Field(description="What `/api/lightweight-analyze` would have answered.")


class TaskError(BaseModel):
    """Why there is no result."""

    code: str = Field(
        description="Stable; as in the errors of `/api/lightweight-analyze`, or of the task itself."
    )
    message: str = Field(description="What happened and what to do about it.")


class FailedTask(BaseModel):
    """It can't be judged, or was cancelled."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE_FAILURE]})

    status: Literal["FAILURE"]
    error: TaskError


FinishedTask: TypeAlias = SucceededTask | FailedTask
TaskState: TypeAlias = RunningTask | FinishedTask
