"""A log whose disk is full or read-only: lines are lost, requests are not, and it is said once."""

import errno
import io
import logging
from pathlib import Path

import pytest

from foundation.log_handlers import FileOutput, StreamOutput


def logger(handler: logging.Handler) -> logging.Logger:
    made = logging.Logger("of a test")
    made.addHandler(handler)
    return made


class Disk(io.StringIO):
    is_full = True

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_full_disk_costs_lines_and_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    disk = Disk()
    log = logger(StreamOutput(disk))
    for _ in range(5):
        log.warning("lost")
    assert capsys.readouterr().err == (
        "The log cannot be written, so its lines are lost until it can: [Errno 28] No space left on device\n"
    )
    disk.is_full = False
    log.warning("one")
    log.warning("two")
    assert capsys.readouterr().err == "The log is written again\n"
    assert disk.getvalue() == "one\ntwo\n"


def test_a_file_that_cannot_be_opened_costs_lines_and_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "not there yet"
    log = logger(handler := FileOutput(place / "kato.log", delay=True))
    log.warning("lost")
    log.warning("lost")
    assert capsys.readouterr().err.count("The log cannot be written") == 1
    place.mkdir()
    log.warning("a line")
    assert capsys.readouterr().err == "The log is written again\n"
    handler.close()
    assert (place / "kato.log").read_text() == "a line\n"


def test_other_failures_are_shown_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    logger(StreamOutput()).warning("%d", "not a number")
    assert "Logging error" in capsys.readouterr().err
