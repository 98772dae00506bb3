"""Where PostgreSQL refuses writes, each part says what helps there, and sends nobody to another one."""

import pytest

from katoproject.monitoring import places, readiness
from katoproject.monitoring.snapshot import Shared
from katoproject.upkeep import records
from katoproject.upkeep.records import Record

READ_ONLY = Shared(write_refusal="cannot execute INSERT in a read-only transaction")
FULL = Shared(write_refusal="could not extend file", database_disk_full=True)


@pytest.fixture(autouse=True)
def nothing_else_is_wrong_and_a_chore_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "complaint", lambda: None)
    monkeypatch.setattr(records, "read", lambda: [Record("relay-jobs", begun=1e6, done=1e6)])


def test_only_a_full_disk_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_last_shared", lambda: READ_ONLY)
    readiness._check_disk()
    monkeypatch.setattr(readiness, "_last_shared", lambda: FULL)
    with pytest.raises(readiness.NotWell, match="could not extend file; free space on the disk of PostgreSQL"):
        readiness._check_disk()


@pytest.mark.parametrize(
    ("shared", "remedy"),
    [(READ_ONLY, "see database$"), (FULL, "see disk$"), (Shared(), "start the service with `make run`")],
)
def test_overdue_chores_say_that_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch, shared: Shared, remedy: str
) -> None:
    monkeypatch.setattr(readiness, "_last_shared", lambda: shared)
    with pytest.raises(readiness.NotWell, match=f"^overdue: relay-jobs .*{remedy}"):
        readiness._check_upkeep()
