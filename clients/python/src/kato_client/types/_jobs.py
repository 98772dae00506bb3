"""Background work."""

from typing import Any, Literal, TypedDict


class JobSummary(TypedDict):
    """`progress`: from 0 to 1. `error`: why the job or its last attempt failed."""

    job_id: str
    kind: Literal["observe-sequence", "finalize-training", "train", "import"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float
    done: int
    total: int
    node_id: str
    session_id: str | None
    error: str | None
    attempts: int
    created_at: str
    started_at: str | None
    finished_at: str | None


class Job(JobSummary):
    """`result`: once it is done, what the synchronous request would have returned."""

    result: Any


class JobPage(TypedDict):
    jobs: list[JobSummary]
    total: int
    skip: int
    limit: int
