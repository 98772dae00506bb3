"""`manage.py verify` finds nothing in what is well, sees one moment, and says what it has found."""

import re
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command

from benchmarks.stack import manage
from foundation import verification
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.management.commands.verify import CHECKS
from tests.commands.verify.database import TABLES, Verdict, everything, execute, new_session

pytestmark = pytest.mark.long


def test_an_empty_and_a_filled_database_hold(empty: None, request: pytest.FixtureRequest) -> None:
    assert Verdict().broken == {}
    request.getfixturevalue("session")
    assert [len(rows) > 0 for rows in everything().values()] == [True] * len(TABLES), "nothing is left out"
    assert Verdict().broken == {}
    before = everything()
    verdict = Verdict("--repair")
    assert (verdict.error, verdict.mended) == (None, set())
    assert everything() == before


def test_every_check_is_documented() -> None:
    table = (PROJECT_DIR / "docs" / "operations.md").read_text().partition("## Is everything right?")[2]
    first_columns = re.findall(r"^\| (`[^|]*?): ", table, re.MULTILINE)
    assert set(re.findall(r"`([a-z-]+)`", " ".join(first_columns))) == {check.name for check in CHECKS}


def test_one_node_alone(session: str) -> None:
    execute("UPDATE memory_app_pattern SET length = 9 WHERE length = 4")
    execute("DELETE FROM memory_app_clearedmemory")
    assert Verdict("--node", "elsewhere").broken == {}
    assert Verdict("--node", "kitchen").broken == {"patterns": 1}


def test_many_faults_are_counted_and_a_few_shown(session: str) -> None:
    execute("INSERT INTO sessions_app_entry SELECT 'nobody', 0, n, '[]' FROM generate_series(1, 1200) AS n")
    verdict = Verdict()
    assert verdict.broken == {"stray-entries": 1200}
    assert len(verdict.examples) == verification.EXAMPLES
    assert Verdict("--repair").error is None


def test_a_check_sees_one_moment(session: str) -> None:
    seen = []

    def find(snapshot: verification.Connection, node_id: str | None) -> Iterator[verification.Fault]:
        for _ in range(2):
            seen.append(snapshot.execute("SELECT count(*) FROM sessions_app_session").fetchone())
            new_session()
        yield from ()

    [result] = verification.verify([verification.Check("twice", "sees the same twice", find)])
    assert result.holds
    assert seen[0] == seen[1]


@pytest.mark.usefixtures("server")
def test_a_table_for_people() -> None:
    lines = manage("verify", "--node", "nobody's").splitlines()
    assert lines[0].split() == ["check", "result", "what", "must", "hold"]
    assert [line.split()[:2] for line in lines[2:]] == [[check.name, "holds"] for check in CHECKS if check.of_node]


def test_wrong_arguments() -> None:
    with pytest.raises(CommandError, match="at most 512 characters"):
        call_command("verify", "--node", "n" * 513)
