"""What the checker found: figures, and for each violation the requests that contradict each other."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from benchmarks.torture.history import Event, Listening, Request

KEPT = 20  # violations of one rule that the report tells; all are counted
LONGEST_STORY = 12  # entries of a violation
SHORT = 160  # characters of an answer in a story

Witness = Request | Event | Listening


def _shortened(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if value is not None else "–"
    return text if len(text) <= SHORT else f"{text[: SHORT // 2]} … {text[-SHORT // 2 :]}"


def told(witness: Witness) -> str:
    """One line in plain words."""
    if isinstance(witness, Event):
        return f"{witness.at:.4f}: {witness.listener} received {_shortened(witness.event)}"
    if isinstance(witness, Listening):
        return f"{witness.start:.4f} to {witness.end:.4f}: {witness.listener} listened"
    where = witness.session or f"node {witness.node}"
    asked = f"{witness.start:.4f} to {witness.end:.4f}: {witness.client} asked {witness.operation} of {where}"
    if witness.arguments:
        asked += f" with {_shortened(witness.arguments)}"
    if witness.idempotency_key is not None:
        asked += f" under the key {witness.idempotency_key}"
    if witness.status is None:
        return f"{asked}, and got no response ({witness.error or 'connection lost'})"
    repeated = ", repeated" if witness.replayed else ""
    return f"{asked}, and got {witness.status}{repeated}: {_shortened(witness.answer)}"


def _time(witness: Witness) -> float:
    return witness.at if isinstance(witness, Event) else witness.start


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    statement: str
    """What the rule demands."""
    what: str
    """How this history breaks it."""
    story: tuple[Witness, ...]

    def __str__(self) -> str:
        lines = [f"{self.rule}: {self.what}", f"  The rule: {self.statement}"]
        return "\n".join(lines + [f"  {told(witness)}" for witness in self.story])


@dataclass
class Report:
    requests: int = 0
    reads: int = 0
    """Reads that were answered 200 and so judged."""
    acknowledged: int = 0
    """Writes that were answered 2xx."""
    ambiguous: int = 0
    """Writes of which it is not known whether they were done."""
    unfinished: int = 0
    """Accepted jobs that the last look found unfinished."""
    comparisons: Counter[str] = field(default_factory=Counter)
    """By rule."""
    broken: Counter[str] = field(default_factory=Counter)
    """Violations by rule, those included that are not kept."""
    violations: list[Violation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.broken

    def __str__(self) -> str:
        lines = [
            f"{self.requests:,} requests: {self.reads:,} reads checked, {self.acknowledged:,} writes acknowledged, "
            f"{self.ambiguous:,} ambiguous; {self.unfinished:,} jobs whose end nobody saw",
            *(f"  {number:>12,}  {rule}" for rule, number in sorted(self.comparisons.items())),
            f"{self.broken.total():,} violations",
            *(f"  {number:>12,}  {rule}" for rule, number in sorted(self.broken.items())),
        ]
        return "\n\n".join(["\n".join(lines), *map(str, self.violations)])


@cache
def _name_and_statement(rule: Callable[..., None]) -> tuple[str, str]:
    return f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}", " ".join((rule.__doc__ or "").split())


@dataclass(frozen=True, slots=True)
class Judge:
    """Reports for one rule."""

    report: Report
    rule: str
    statement: str

    @classmethod
    def of(cls, rule: Callable[..., None], report: Report) -> "Judge":
        return cls(report, *_name_and_statement(rule))

    def compared(self, number: int = 1) -> None:
        self.report.comparisons[self.rule] += number

    def violated(self, what: str, *story: Witness | None) -> None:
        self.report.broken[self.rule] += 1
        if self.report.broken[self.rule] <= KEPT:
            known = {id(witness): witness for witness in story[:LONGEST_STORY] if witness is not None}
            ordered = tuple(sorted(known.values(), key=_time))
            self.report.violations.append(Violation(self.rule, self.statement, what, ordered))
