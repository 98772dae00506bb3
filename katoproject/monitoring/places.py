"""The places where this service writes files, and whether it still can."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from foundation import disk
from foundation.metrics import counts
from foundation.metrics.folder import folder


def _places() -> Iterator[Path]:
    env = settings.ENV
    if found := folder():
        yield found
    if env.database_url is None or env.log_output == "file":
        yield settings.DATA_DIR
    yield Path(tempfile.gettempdir())


def writable() -> dict[Path, bool]:
    return {place: disk.problem_of(place) is None for place in _places()}


def complaint() -> tuple[str, str] | None:
    """Which place cannot be written to, and what helps; None where all can."""
    for place in dict.fromkeys(_places()):
        if (problem := disk.problem_of(place)) is not None:
            return problem
    if (trouble := counts.trouble()) is not None:
        return f"the counters cannot be written: {trouble}", disk.REMEDY
    return None
