"""Jobs at the border."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from signalcraft.tasks.schemas import EXAMPLE_STATUS_URL, EXAMPLE_TASK_ID

EXAMPLE_JOB_ID = "c7d1a2b3-0e4f-4a5b-9c6d-7e8f9a0b1c2d"
EXAMPLE_JOB_URL = f"/api/analyze/batch/{EXAMPLE_JOB_ID}"


class NamedTask(BaseModel):
    """One recording of a job."""

    task_id: UUID = Field(examples=[EXAMPLE_TASK_ID])
    status_url: str = Field(examples=[EXAMPLE_STATUS_URL])
    name: str = Field(description="As the file was called.", examples=["monday/0830.wav"])


class AcceptedJob(BaseModel):
    """All recordings are stored and will be judged."""

    job_id: UUID = Field(examples=[EXAMPLE_JOB_ID])
    status_url: str = Field(description="Where the sum is read.", examples=[EXAMPLE_JOB_URL])
    tasks: list[NamedTask]


class JobTask(NamedTask):
    """One recording of a job, and how far it is."""

    status: Literal["PENDING", "PROGRESS", "SUCCESS", "FAILURE"]
    progress: int = Field(ge=0, le=100)


class Job(BaseModel):
    """The sum of a job's tasks."""

    job_id: UUID = Field(examples=[EXAMPLE_JOB_ID])
    total: int = Field(examples=[12])
    pending: int = Field(examples=[3])
    running: int = Field(examples=[2])
    succeeded: int = Field(examples=[6])
    failed: int = Field(examples=[1])
    cancelled: int = Field(examples=[0])
    progress: int = Field(ge=0, le=100, description="In percent, of all together.", examples=[61])
    tasks: list[JobTask]
