"""Running tests in a copy of the project."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from benchmarks.mutants.mutant import Mutant

# Seconds in which a mutant must be caught, from the start of the first test on.
LIMIT = 60.0
# With the start of the servers, on a machine that does other work. A trial that has not ended by then is ended.
_PATIENCE = 5 * LIMIT
_PATIENCE_AT_STOP = 30.0


class Inconclusive(Exception):
    """The tests say neither that the mutant is caught nor that it survives."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended. `asserted`: it failed because an assertion of its own did; `after`: seconds."""

    test: str
    passed: bool
    asserted: bool
    reason: str
    after: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outcome`: that of the test that failed as it must; None if all passed."""

    mutant: Mutant
    outcome: Outcome | None

    @property
    def is_caught(self) -> bool:
        return self.outcome is not None and self.outcome.after <= LIMIT

    def __str__(self) -> str:
        if self.outcome is None:
            return f"SURVIVES {', '.join(self.mutant.caught_by)}"
        name = self.outcome.test.rpartition("::")[2]
        return f"{'caught by' if self.is_caught else 'caught TOO LATE by'} {name} after {self.outcome.after:.0f} s"


def judge(mutant: Mutant, copy: Path) -> Verdict:
    """Each of its tests is a trial of its own: one that fails may not hide that another does not. Raises Inconclusive.

    The last verdict, or the first that it is not caught.
    """
    with mutant.applied(copy):
        for test in mutant.caught_by:
            verdict = concluded(mutant, run(copy, [mutant.sound, test], sound=mutant.sound))
            if not verdict.is_caught:
                break
    return verdict


def concluded(mutant: Mutant, outcomes: Sequence[Outcome]) -> Verdict:
    """What the outcomes of the test that must pass and of one that must fail say. Raises Inconclusive."""
    sound, *others = outcomes
    if not sound.passed:
        raise Inconclusive(f"nothing works: {sound.test}: {sound.reason}")
    failed = next((one for one in others if not one.passed), None)
    if failed is not None and not failed.asserted:
        raise Inconclusive(f"{failed.test} fails without an assertion: {failed.reason}")
    return Verdict(mutant, failed)


def run(copy: Path, tests: Sequence[str], *, sound: str | None = None) -> list[Outcome]:
    """Run tests, that named `sound` first; with one, stop at the first that fails. Raises Inconclusive."""
    with tempfile.TemporaryDirectory(prefix="kato-mutant-") as folder:
        outcomes, output = Path(folder, "outcomes"), Path(folder, "output")
        outcomes.touch()
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "benchmarks.mutants.recorder"]
        command += [f"--outcomes={outcomes}", *([f"--sound={sound}", "-x"] if sound else []), *tests]
        with output.open("w") as written:
            process = subprocess.Popen(
                command, cwd=copy, env=_environment(copy), stdout=written, stderr=written, start_new_session=True
            )
            try:
                status = process.wait(_PATIENCE * (1 if sound else 10))
            except subprocess.TimeoutExpired:
                raise Inconclusive(f"no end within {_PATIENCE:.0f} s: {_end_of(output)}") from None
            finally:
                _end(process)
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise Inconclusive(f"pytest ended with {status}: {_end_of(output)}")
        ended = [Outcome(**json.loads(line)) for line in outcomes.read_text().splitlines()]
        if not ended:
            raise Inconclusive(f"no test ended: {_end_of(output)}")
        return ended


def _environment(copy: Path) -> dict[str, str]:
    """That of the copy alone: its modules, and stores of its own."""
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return {**own, "PYTHONPATH": str(copy)}


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C, on which pytest stops the servers that it has started; kill what is left after a while."""
    if process.poll() is not None:
        return
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, left = psutil.wait_procs([psutil.Process(process.pid), *started], _PATIENCE_AT_STOP)
    for one in left:
        one.kill()
    process.wait()


def _end_of(output: Path) -> str:
    return output.read_text()[-2000:]
