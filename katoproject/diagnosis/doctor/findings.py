"""What a check finds, and running many checks at once although each may hang."""

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
    """`found`: the state, and what it means if it is a problem; `fix`: what to do about it."""

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


Check = Callable[[], Iterable[Finding]]


@dataclass(slots=True)
class _Running:
    name: str
    run_check: Check
    findings: list[Finding] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            for finding in self.run_check():
                self.findings.append(finding)
        except Exception as error:  # noqa: BLE001 - reported as a finding: the other checks continue
            found = f"the check itself failed: {type(error).__name__}: {error}"
            self.findings.append(problem(self.name, found, "report this as a bug"))
        finally:
            connections.close_all()
            self.ended.set()


def examine(checks: Mapping[str, Check], *, patience: float) -> Iterator[Finding]:
    """Run all checks at once. Yields their findings in the given order, after at most `patience` seconds."""
    deadline = time.monotonic() + patience
    running = [_Running(name, check) for name, check in checks.items()]
    for one in running:
        # A daemon thread: a check that hangs must not keep the program from ending.
        threading.Thread(target=one.run, name=f"doctor-{one.name}", daemon=True).start()
    for one in running:
        ended = one.ended.wait(max(0.0, deadline - time.monotonic()))
        yield from list(one.findings)
        if not ended:
            yield problem(
                one.name, f"no answer within {patience:g} s", "find out what it is waiting for, or restart it"
            )
