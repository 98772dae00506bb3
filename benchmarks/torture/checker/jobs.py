"""Background jobs: each that was accepted ends, is done once, and in its turn (docs/jobs.md)."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.torture.checker.background import FINAL, Job
from benchmarks.torture.checker.ordering import Placed, overtaken
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.stm_order import Stm
from benchmarks.torture.history import Fault

PATIENCE = 150.0  # seconds in which a job ends when nothing is broken: eight attempts, and the waits between them


@dataclass(frozen=True, slots=True)
class Jobs:
    """Those of one session, or the training runs of one node."""

    all: list[Job]
    faults: Sequence[Fault]


def forward(jobs: Jobs, judge: Judge) -> None:
    """A job that was seen done, failed or cancelled stays so, and what it has done never becomes less."""
    for job in jobs.all:
        items = [
            Placed(look.start, look.end, look, high=look.answer.get("done", 0) + (look.answer["state"] in FINAL))
            for look in job.looks
        ]
        judge.compared(len(items))
        for earlier, later in overtaken(items):
            judge.violated("the job has gone back", earlier.request, later.request)
        ends = [look for look in job.looks if look.answer["state"] in FINAL]
        for other in ends[1:]:
            if other.answer["state"] != ends[0].answer["state"]:
                judge.violated("the job ended in two ways", ends[0], other)


def ends(jobs: Jobs, judge: Judge) -> None:
    """Every accepted job ends: it is done, failed or cancelled by the time that eight attempts take, counted from its
    acceptance or from the end of the last fault before the last look, whether that was answered or not."""
    for job in jobs.all:
        if not job.act.done:
            continue
        judge.compared()
        if not any(look.answer["state"] in FINAL for look in job.looks):
            judge.report.unfinished += 1
            last = max(job.attempts, key=lambda look: look.start, default=job.act.told)
            well = [fault.well for fault in jobs.faults if fault.start < last.start]
            if last.start - max([job.act.end, *well]) > PATIENCE:
                judge.violated("the job does not end", job.act.told, last)


def wholly(jobs: Jobs, judge: Judge) -> None:
    """A job that is done has done all of its sequences or observations."""
    for job in jobs.all:
        done = job.first_in("done")
        number = len(job.observations) or len(job.sequences)
        if done is not None and number:
            judge.compared()
            if not done.answer.get("done", number) == done.answer.get("total", number) == number:
                judge.violated(f"it had {number} to do", job.act.told, done)


def in_turn(stm: Stm, judge: Judge) -> None:
    """Jobs of one session run in the order in which they were accepted."""
    fragments: dict[int, list[Placed]] = {}
    for job in stm.session.jobs:
        places = [
            place for observed in job.observations if (place := stm.place(" ".join(observed["strings"]))) is not None
        ]
        if places and job.act.done:
            positions = [place.position for place in places]
            placed = Placed(job.act.start, job.act.end, job.act.told, min(positions), max(positions), writes=True)
            fragments.setdefault(places[0].fragment, []).append(placed)
    for placed_jobs in fragments.values():
        judge.compared(len(placed_jobs))
        for earlier, later in overtaken(placed_jobs):
            judge.violated("the job that was accepted later ran first", earlier.request, later.request)


RULES = (forward, ends, wholly)
