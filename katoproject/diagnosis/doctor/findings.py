"""What an examination finds, and examining many things at once although each may hang."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.db import connections


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`found`: what is so, and what it means where it is not well; `fix`: what to do then."""

    check: str
    verdict: Verdict
    found: str
    fix: str | None = None


def ok(check: str, found: str) -> Finding:
    return Finding(check, Verdict.OK, found)


def warning(check: str, found: str, fix: str) -> Finding:
    return Finding(check, Verdict.WARNING, found, fix)


def problem(check: str, found: str, fix: str) -> Finding:
    return Finding(check, Verdict.PROBLEM, found, fix)


Examination = Callable[[], Iterable[Finding]]


@dataclass(slots=True)
class _Running:
    name: str
    examination: Examination
    findings: list[Finding] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            for finding in self.examination():
                self.findings.append(finding)
        except Exception as error:  # noqa: BLE001 - told as a finding: the other examinations go on
            told = f"this examination itself failed: {type(error).__name__}: {error}"
            self.findings.append(problem(self.name, told, "report this"))
        finally:
            connections.close_all()
            self.over.set()


def examine(examinations: Mapping[str, Examination], *, patience: float) -> Iterator[Finding]:
    """All at the same time; what they found in the order given. None is waited for beyond `patience` seconds."""
    deadline = time.monotonic() + patience
    running = [_Running(name, examination) for name, examination in examinations.items()]
    for one in running:
        # As a daemon, because one that hangs must not hang the end of the program.
        threading.Thread(target=one.run, name=f"doctor-{one.name}", daemon=True).start()
    for one in running:
        came_to_an_end = one.over.wait(max(0.0, deadline - time.monotonic()))
        yield from list(one.findings)
        if not came_to_an_end:
            yield problem(one.name, f"no answer within {patience:g} s", "see what it is busy with, or restart it")
