"""`manage.py node retire`, `un-retire`, `purge` and `acts`."""

import os
import pwd
from pathlib import Path

import psycopg
import pytest

from engine.naming import pattern_name
from memory_app.management import retiring
from tests.support.acts import ACTS
from tests.support.commands import command
from tests.support.sessions import OpenSession, observations

pytestmark = pytest.mark.usefixtures("same_database")

AB = pattern_name([["a"], ["b"]])
BC = pattern_name([["b"], ["c"]])


def test_the_three_acts_and_their_list(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b")
    session.teach("b", "c")
    node = session.node
    retired = command("node", "retire", node, f"PTRN|{AB}", BC, AB, "--why", "outdated", "--json")
    assert retired.json == {"node_id": node, "retired": [AB, BC], "already_retired": []}
    session.observe_sequence(*observations("a", "b"))
    assert session.get("predictions")["predictions"] == []
    assert command("node", "un-retire", node, BC).out == "1 pattern un-retired, 0 were not retired\n"
    assert [one["name"] for one in session.get("predictions")["predictions"]] == [BC]
    purged = command("node", "purge", node, "--yes", "--json")
    assert purged.json == {"node_id": node, "purged": [AB], "failed": {}, "remaining": 0}
    assert session.patterns() == 1
    acts = command("node", "acts", "--node", node, "--json").lines
    shown = [(one["act"], one["pattern"], one["why"], one["frequency"], one["exact"]) for one in acts]
    assert shown[:2] == [("purged", AB, None, 1, True), ("un-retired", BC, None, None, None)]
    assert sorted(shown[2:]) == sorted(("retired", name, "outdated", None, None) for name in (AB, BC))
    assert "outdated" in command("node", "acts", "--node", node).out


@pytest.mark.parametrize("act", ["retire", "un-retire", "purge"])
def test_an_act_records_which_user_of_the_operating_system_ran_the_command(
    open_session: OpenSession, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    monkeypatch.setenv("LOGNAME", "mallory")
    monkeypatch.setenv("USER", "mallory")
    session = open_session()
    session.teach("a", "b")
    command("node", "retire", session.node, AB)
    command("node", act, session.node, AB, *(["--yes"] if act == "purge" else []))
    acts = command("node", "acts", "--node", session.node, "--json").lines
    assert {one["user"] for one in acts} == {f"manage.py: {pwd.getpwuid(os.getuid()).pw_name}"}
    assert len(acts) == (1 if act == "retire" else 2)


def test_a_user_without_a_name_is_recorded_by_number(
    open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    node = open_session().node
    command("node", "retire", node, AB)
    assert command("node", "acts", "--node", node, "--json").lines[0]["user"] == "manage.py: 4000000000"


def test_what_a_file_retires_is_recorded_for_who_imports_it(open_session: OpenSession, tmp_path: Path) -> None:
    node, file = open_session().node, tmp_path / "kitchen.ndjson"
    command("node", "retire", node, AB)
    command("node", "export", node, "--output", str(file))
    other = f"{node} again"
    assert command("node", "import", str(file), "--node", other).status == 0
    [act] = command("node", "acts", "--node", other, "--json").lines
    assert act["user"].startswith("manage.py: ")


def test_it_says_how_many_names_the_node_has_never_learned(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b")
    mistyped = f"{session.node} mistyped"
    first = command("node", "retire", mistyped, AB)
    assert first.out == "1 pattern retired, 0 were already\n"
    assert first.err == f"1 of them was unknown to node {mistyped}\n"
    assert command("node", "retire", mistyped, AB).err == ""
    assert command("node", "retire", session.node, AB).err == ""
    others = [f"{number:040x}" for number in range(2)]
    result = command("node", "retire", session.node, BC, *others, "--json")
    assert result.json["retired"] == [BC, *others]
    assert result.err == f"3 of them were unknown to node {session.node}\n"


def test_what_cannot_be_purged_is_an_error_that_says_why(open_session: OpenSession) -> None:
    session = open_session()
    session.teach("a", "b")
    result = command("node", "purge", session.node, AB, BC, "--yes")
    assert result.status == 1
    assert f"2 patterns not purged, the first: {AB}: not retired" in result.err
    assert session.patterns() == 1


def test_many_patterns_are_purged_in_transactions_between_which_the_node_can_learn(
    open_session: OpenSession, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retiring, "_PURGED_AT_ONCE", 2)
    node = open_session().node
    names = [f"{number:040x}" for number in range(6)]
    command("node", "retire", node, *names)
    purged = command("node", "purge", node, "--yes", "--limit", "5", "--json")
    assert purged.json == {"node_id": node, "purged": names[:5], "failed": {}, "remaining": 1}
    query = f"SELECT count(*) FROM {ACTS} WHERE node_id = %s AND kind = 'purged' GROUP BY act"
    assert sorted(database.execute(query, [node]).fetchall()) == [(1,), (2,), (2,)]
    again = command("node", "purge", node, *names, "--yes", "--json")
    assert (again.json["purged"], again.json["remaining"]) == (names[5:], 0)


def test_a_reason_has_bounds(open_session: OpenSession) -> None:
    result = command("node", "retire", open_session().node, AB, "--why", "x" * 1001)
    assert (result.status, "more than 1000 characters" in result.err) == (2, True)


def test_purge_asks_first(open_session: OpenSession) -> None:
    result = command("node", "purge", open_session().node)
    assert result.status == 2
    assert "pass --yes" in result.err


@pytest.mark.parametrize("wrong", [AB[1:], AB.upper(), f"VCTR|{AB}", "é"])
@pytest.mark.parametrize("kind", ["retire", "un-retire", "purge"])
def test_a_wrong_name_is_refused(open_session: OpenSession, kind: str, wrong: str) -> None:
    result = command("node", kind, open_session().node, wrong)
    assert result.status == 2
    assert "40 lowercase hexadecimal digits" in result.err
