"""The commands of the benchmarks refuse what makes no sense before they start anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.torture.run import Run, telling


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("torture", ["--minutes", "-1"]),
        ("torture", ["--minutes", "0"]),
        ("torture", ["--minutes", "nan"]),
        ("torture", ["--clients", "0"]),
        ("torture", ["--pace", "0"]),
        ("torture", ["--disk", "1"]),
        ("torture", ["--faults", "0"]),
        ("torture", ["--slowest", "-3"]),
        ("torture", ["--keep", __file__]),
        ("torture", ["--json", f"{__file__}/x"]),
        ("mutants", ["--jobs", "0"]),
        ("schedules", ["--pair", "observe"]),
    ],
)
def test_an_argument_that_makes_no_sense(module: str, arguments: list[str]) -> None:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert arguments[0] in ended.stderr.splitlines()[-1]


def stop_badly(folder: Path) -> None:
    raise OSError(f"{folder} is busy")


def test_a_service_that_does_not_stop_well_is_a_complaint(tmp_path: Path) -> None:
    run = Run()
    with telling(run):
        run.seconds = 60.0
        stop_badly(tmp_path)
    [complaint] = run.complaints
    assert f"OSError: {tmp_path} is busy" in complaint


def test_a_run_that_fails_before_its_end_fails() -> None:
    run = Run()
    with pytest.raises(OSError, match="no room"), telling(run):
        raise OSError("no room")
    assert run.complaints == []
