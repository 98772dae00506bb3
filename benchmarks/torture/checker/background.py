"""Background jobs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.torture.checker.acts import Act, Outcome
from benchmarks.torture.checker.sorting import job_of
from benchmarks.torture.history import Request

FINAL = frozenset({"done", "failed", "cancelled"})


@dataclass
class Job:
    """One that was accepted, or perhaps was."""

    act: Act
    looks: list[Request] = field(default_factory=list)
    """Reads that were answered, in the order of their starts."""

    attempts: list[Request] = field(default_factory=list)
    """Reads, also those that were not answered."""

    @property
    def body(self) -> dict[str, Any]:
        return self.act.asked.arguments

    @property
    def observations(self) -> list[dict[str, Any]]:
        """Those of a sequence; empty for other kinds."""
        found: list[dict[str, Any]] = self.body.get("observations", [])
        return found

    @property
    def sequences(self) -> list[Any]:
        """Those of a training run; empty for other kinds."""
        found: list[Any] = self.body.get("sequences", [])
        return found

    def first_in(self, state: str) -> Request | None:
        found = (look for look in self.looks if look.answer["state"] == state)
        return min(found, key=lambda look: look.end, default=None)

    @property
    def effect(self) -> Act:
        """What it does, as a write: between its acceptance and the first look that found it done."""
        done = self.first_in("done")
        if done is not None:
            return Act((*self.act.requests, done), Outcome.DONE, self.act.start, done.end, done)
        if self.act.refused or self.first_in("failed") or self.first_in("cancelled"):
            return Act(self.act.requests, Outcome.REFUSED, self.act.start, math.inf, None)
        return Act(self.act.requests, Outcome.UNKNOWN, self.act.start, math.inf, None)


def jobs_of(acts: Iterable[Act], requests: Iterable[Request]) -> list[Job]:
    jobs = [Job(act) for act in acts if act.asked.operation == "submit"]
    by_id = {job_of(job.act.answered): job for job in jobs if job.act.answered is not None}
    for request in requests:
        if request.operation == "read_job" and (job := by_id.get(job_of(request))):
            job.attempts.append(request)
            if request.status == 200:
                job.looks.append(request)
    return jobs
