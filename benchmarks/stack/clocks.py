"""Processes whose clock is wrong, or is set while they run: libfaketime (Debian: package `libfaketime`)."""

from pathlib import Path

LIBRARIES = [
    found
    for place in ("/usr/lib", "/usr/local/lib", "/opt")
    for found in Path(place).glob("*/faketime/libfaketimeMT.so.1")
]


class SetClock:
    """A time of day that is set from outside, and the environment of the processes that believe it."""

    def __init__(self, file: Path, ahead: str) -> None:
        """`ahead`: as libfaketime spells it, `+60s` or `-1d`."""
        self._file = file
        self.set(ahead)

    def set(self, ahead: str) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(ahead)
        fresh.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            # Nobody can set it on a real machine.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(Path(__file__).with_name("faketime")),
        }
