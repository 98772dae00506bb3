"""All schedules of a few operations at once, and what is wrong with them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice, pairwise
from math import factorial, prod
from random import Random

from benchmarks.schedules.actors import Turn
from benchmarks.schedules.laboratory import Laboratory
from benchmarks.schedules.machine import Action, Machine
from benchmarks.schedules.operations import ALL
from benchmarks.schedules.search import NotRepeatable, every_run, random_runs
from benchmarks.schedules.verdict import Experiment

# Above this number of interleavings, only one of those that differ in the order of commuting steps.
ALL_UP_TO = 1000


@dataclass(frozen=True, slots=True)
class Violation:
    what: str
    schedule: list[str]

    @property
    def switches(self) -> int:
        actors = [step[0] for step in self.schedule]
        return sum(one != other for one, other in pairwise(actors))


class Extent(Enum):
    """Which of all schedules were run. `REDUCED`: of those that differ in the order of commuting steps, one."""

    ALL = "all"
    REDUCED = "reduced"
    SAMPLE = "a sample"


@dataclass(slots=True)
class Report:
    """`interleavings`: how many there would be if no step waited. `lost`: places that could not be reached again."""

    names: tuple[str, ...]
    interleavings: int = 0
    schedules: int = 0
    crashes: int = 0
    steps: int = 0
    waits: int = 0
    lost: int = 0
    extent: Extent = Extent.ALL
    violations: int = 0
    first: Violation | None = None
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.violations and not self.faults

    def lose(self, error: NotRepeatable) -> None:
        self.lost += 1
        self.extent = Extent.SAMPLE

    def add(self, machine: Machine, problem: str | None) -> None:
        self.schedules += 1
        self.crashes += machine.crashed is not None
        self.steps += len(machine.history)
        self.waits += machine.waits
        if problem is not None:
            self.violations += 1
            found = Violation(problem, [str(done) for done in machine.history])
            if self.first is None or _size(found) < _size(self.first):
                self.first = found


def _size(violation: Violation) -> tuple[int, int]:
    return violation.switches, len(violation.schedule)


def examine(
    laboratory: Laboratory,
    names: Sequence[str],
    *,
    crashes: bool = False,
    at_most: int | None = None,
    sample: Random | None = None,
    all_up_to: int = ALL_UP_TO,
    one_process: bool = False,
    until_violated: bool = False,
) -> Report:
    """Run the schedules of these operations. `at_most`: so many; `sample`: so many random ones."""
    began = time.monotonic()
    report = Report(tuple(names))
    experiment = Experiment(laboratory, [ALL[name] for name in names], one_process=one_process, crashes=crashes)
    counts = experiment.serial.steps.values()
    report.interleavings = factorial(sum(counts)) // prod(map(factorial, counts))
    reduced = crashes or report.interleavings > all_up_to
    report.extent = Extent.REDUCED if reduced else Extent.ALL
    runs: Iterator[Machine]
    if sample is not None:
        assert at_most is not None
        report.extent = Extent.SAMPLE
        runs = random_runs(experiment.begin, sample, at_most, _weight)
    else:
        # PostgreSQL decides the order in which two go on that waited for the same third one.
        lost = report.lose if len(names) > 2 else None
        runs = every_run(experiment.begin, reduced=reduced, lost=lost)
    for run in islice(runs, at_most):
        report.add(run, experiment.problem(run))
        if until_violated and report.first:
            break
    if until_violated or report.schedules == at_most:
        report.extent = Extent.SAMPLE
    report.faults = [_with_history(fault, experiment) for fault in laboratory.faults()]
    laboratory.clear()
    report.seconds = time.monotonic() - began
    return report


def _weight(action: Action) -> float:
    """Most crashes of a sample would be at the first steps, if they were as likely as steps."""
    return 8 if action.turn is Turn.WHOLE else 1


def _with_history(fault: str, experiment: Experiment) -> str:
    for world, history in experiment.histories.items():
        if f"{world}-" in fault or f"'{world}'" in fault:
            return f"{fault}, after {'; '.join(history)}"
    return fault
