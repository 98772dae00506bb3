"""The figures of a run, from its history."""

import statistics
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from benchmarks.torture import checker
from benchmarks.torture.checker import Report
from benchmarks.torture.history import Event, Fault, NoHistory, Request, read
from benchmarks.torture.resources import Held
from benchmarks.torture.run import Run, Settings

READS = frozenset({"read_session", "read_stm", "read_config", "predict", "read_job"})


@dataclass(frozen=True)
class Spread:
    """Of one figure, over the faults of one kind, in seconds."""

    median: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), max(values))


@dataclass(frozen=True)
class KindFigures:
    """`number` of all; the times are of those that came alone, if there were any."""

    number: int
    served: Spread
    """From the end of the cause until a write worked on every host."""
    well: Spread
    """From the end of the cause until readiness found nothing wrong on any host."""
    gap: Spread
    """The longest time without any acknowledged write, from the beginning of the fault until all was well."""


@dataclass
class Figures:
    settings: Settings
    seconds: float
    statuses: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    events: int = 0
    slowest: float = 0.0
    faults: int = 0
    kinds: dict[str, KindFigures] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    before: dict[str, Held] = field(default_factory=dict)
    after: dict[str, Held] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    verdict: Report = field(default_factory=Report)

    @property
    def holds(self) -> bool:
        return self.verdict.holds and not self.complaints


def figures_of(settings: Settings, run: Run, history: Path, *, slowest: float) -> Figures:
    """`slowest`: seconds that a response may take."""
    verdict = Report()
    try:
        verdict = checker.check(history, slowest=slowest)
    except NoHistory as error:
        run.complaints.append(f"nothing to judge: {error}")
    if verdict.unfinished:
        run.complaints.append(f"{verdict.unfinished} jobs whose end nobody saw")
    figures = Figures(
        settings,
        run.seconds,
        skipped=run.skipped,
        before=run.before,
        after=run.after,
        complaints=run.complaints,
        verdict=verdict,
    )
    if not verdict.requests:
        return figures
    acknowledged = array("d")
    faults: list[Fault] = []
    for entry in read(history):
        match entry:
            case Request():
                figures.statuses[str(entry.status or "no response")] += 1
                figures.operations[entry.operation] += 1
                figures.slowest = max(figures.slowest, entry.end - entry.start)
                if entry.operation not in READS and entry.status is not None and entry.status < 300:
                    acknowledged.append(entry.end)
            case Event():
                figures.events += 1
            case Fault():
                faults.append(entry)
    figures.faults = len(faults)
    figures.kinds = _by_kind(faults, acknowledged)
    return figures


def _by_kind(faults: Sequence[Fault], acknowledged: "array[float]") -> dict[str, KindFigures]:
    of_kind: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        of_kind[fault.name].append(fault)
    return {name: _figures_of(ones, faults, acknowledged) for name, ones in sorted(of_kind.items())}


def _figures_of(ones: Sequence[Fault], faults: Sequence[Fault], acknowledged: "array[float]") -> KindFigures:
    counted = [one for one in ones if "beside" not in one.details] or ones
    return KindFigures(
        len(ones),
        Spread.of([max(0.0, one.details["served"] - _end(one, faults)) for one in counted]),
        Spread.of([max(0.0, one.well - _end(one, faults)) for one in counted]),
        Spread.of([gap(acknowledged, one.start, one.well) for one in counted]),
    )


def _end(fault: Fault, faults: Sequence[Fault]) -> float:
    """When the causes of all faults that overlapped with it were gone."""
    beside = fault.details.get("beside", [])
    number = fault.details["number"]
    return max([fault.end, *(one.end for one in faults if beside and one.details["number"] == number)])


def gap(moments: "array[float]", start: float, end: float) -> float:
    """The longest time without one of the moments; those are in order."""
    inside = moments[bisect_left(moments, start) : bisect_right(moments, end)]
    return max(later - earlier for earlier, later in pairwise([start, *inside, end]))
