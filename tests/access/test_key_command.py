"""`manage.py key …`: one line of the token for people, JSON for programs, and one line for each mistake."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from access_app import operations
from access_app.errors import Unfit
from access_app.management.commands.key import duration
from access_app.models import AccessKey
from foundation.callers import Scope
from memory_app.node_ids import MAX_LENGTH
from tests.support.commands import CommandResult, command, process

pytestmark = pytest.mark.usefixtures("same_database")

FACTS = {"id", "name", "state", "scopes", "nodes", "limits", "created_at", "expires_at", "revoked_at", "last_used_at"}


def key(*arguments: str) -> CommandResult:
    return command("key", *arguments)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of a key of this test's own."""
    return f"{request.node.name}"[:90]


def made(name: str, *arguments: str) -> dict[str, Any]:
    result = key("create", name, "--json", *arguments)
    assert (result.status, result.err) == (0, "")
    answer: dict[str, Any] = result.json
    return answer


def test_create_prints_the_token_alone_and_explains_it_beside(name: str) -> None:
    result = key("create", name)
    assert result.status == 0
    token = result.out.removesuffix("\n")
    assert token.startswith("kato_")
    assert token.isidentifier()
    assert result.err == f"This is the token of key {name} ({token.split('_')[1]}). It cannot be shown again.\n"


def test_create_as_json(name: str) -> None:
    answer = made(name)
    assert set(answer) == {*FACTS, "former_token_valid_until", "token"}
    assert (answer["name"], answer["state"], answer["limits"]) == (name, "valid", {})
    assert (answer["scopes"], answer["nodes"]) == (["read", "write"], None)
    assert answer["token"].split("_")[1] == answer["id"]


def test_create_with_everything(name: str) -> None:
    given = ["--scope", "monitor", "--scope", "read", "--scope", "read", "--node", "shop-", "--node", "ü%"]
    limits = ["--rate", "2.5", "--bytes-per-minute", "1000", "--sessions", "7", "--jobs", "3"]
    answer = made(name, *given, *limits, "--expires", "90d")
    assert (answer["scopes"], answer["nodes"]) == (["monitor", "read"], ["shop-", "ü%"])
    assert answer["limits"] == {"rate": 2.5, "bytes_per_minute": 1000, "sessions": 7, "jobs": 3}
    lifetime = datetime.fromisoformat(answer["expires_at"]) - datetime.fromisoformat(answer["created_at"])
    assert lifetime == timedelta(days=90)


def test_show_and_list_by_id_and_by_name(name: str) -> None:
    answer = made(name, "--node", "shop-")
    for named in (name, answer["id"]):
        shown = key("show", named, "--json").json
        assert shown == {one: value for one, value in answer.items() if one != "token"}
    lines = key("list", "--json").lines
    assert [line for line in lines if line["name"] == name] == [shown]
    assert [line["name"] for line in lines] == sorted(line["name"] for line in lines)
    table = key("list").out
    assert answer["id"] in table
    assert "shop-…" in table
    assert answer["id"] in key("show", name).out


def test_rotate_keeps_the_key_and_changes_its_token(name: str) -> None:
    first = made(name, "--scope", "admin", "--node", "x")
    result = key("rotate", name, "--overlap", "1h", "--json").json
    assert {one for one in first if result[one] != first[one]} == {"token", "former_token_valid_until"}
    assert key("rotate", first["id"]).out.startswith(f"kato_{first['id']}_")


def test_rotate_says_that_it_ends_an_overlap_early(name: str) -> None:
    made(name)
    first = key("rotate", name, "--overlap", "1h", "--json").json
    assert first["older_token_would_be_valid_until"] is None
    second = key("rotate", name, "--overlap", "2s", "--json").json
    assert second["older_token_would_be_valid_until"] == first["former_token_valid_until"]
    key("rotate", name, "--overlap", "0s")
    third = key("rotate", name)
    assert "Warning" not in third.err, "the overlap was over"
    last = key("rotate", name)
    assert last.out.count("\n") == 1
    assert "Warning: a token from before the last rotation, valid until" in last.err


def test_no_name_is_that_of_an_id(name: str) -> None:
    """`revoke` would take the one for the other."""
    other = made(name)
    refused = key("create", other["id"])
    assert (refused.status, refused.out) == (2, "")
    assert "could be the id of a key" in refused.err
    with pytest.raises(Unfit):
        operations.create(name=other["id"], scopes={Scope.READ})


def test_revoke_shows_the_end_and_frees_the_name(name: str) -> None:
    first = made(name)
    assert key("revoke", name).err == f"Revoked key {name} ({first['id']})\n"
    again = key("revoke", first["id"])
    assert (again.status, again.out) == (1, "")
    assert "is revoked" in again.err
    assert "is revoked" in key("rotate", first["id"]).err
    second = made(name)
    # The name is that of the valid one.
    assert key("show", name, "--json").json["id"] == second["id"]
    key("rotate", name, "--overlap", "1h")
    revoked = key("revoke", second["id"], "--json").json
    assert revoked["former_token_valid_until"] is None
    assert (revoked["state"], "token" in revoked) == ("revoked", False)
    assert revoked["revoked_at"] is not None


def test_a_name_that_is_taken(name: str) -> None:
    made(name)
    result = key("create", name)
    assert (result.status, result.out) == (1, "")
    assert "There is a key" in result.err


@pytest.mark.parametrize("subcommand", ["show", "rotate", "revoke"])
@pytest.mark.parametrize("named", ["unknown", "000000000000", "%", "", "x\0y"], ids=ascii)
def test_an_unknown_key_is_status_1_and_one_line(subcommand: str, named: str) -> None:
    result = key(subcommand, named)
    assert (result.status, result.out) == (1, "")
    assert "There is no key" in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["create"],
        ["create", ""],
        ["create", " x"],
        ["create", "a\nb"],
        ["create", "a\x1b[31m"],
        ["create", "x" * 101],
        ["create", "\udcff"],
        ["create", "x", "--scope", "root"],
        ["create", "x", "--scope", ""],
        ["create", "x", "--node", ""],
        ["create", "x", "--node", "\udcff"],
        ["create", "x", "--expires", "90"],
        ["create", "x", "--expires", "0d"],
        ["create", "x", "--expires", "-1d"],
        ["create", "x", "--expires", "1.5d"],
        ["create", "x", "--expires", "999999999w"],
        ["create", "x", "--expires", "٣d"],
        ["create", "x", "--rate", "0"],
        ["create", "x", "--rate", "-1"],
        ["create", "x", "--rate", "nan"],
        ["create", "x", "--rate", "inf"],
        ["create", "x", "--rate", "x"],
        ["create", "x", "--sessions", "0"],
        ["create", "x", "--jobs", "1.5"],
        ["create", "x", "--bytes-per-minute", "-1"],
        ["create", "x", "--sessions", "9" * 30],
        ["create", "x", "--bytes-per-minute", "9" * 400],
        ["show"],
        ["rotate", "x", "--overlap", "x"],
        ["rotate", "x", "--overlap", "-1s"],
        ["list", "x"],
    ],
    ids=ascii,
)
def test_wrong_arguments_are_status_2_and_say_what_is_wrong(arguments: list[str]) -> None:
    result = key(*arguments)
    assert (result.status, result.out) == (2, "")
    *_, last = result.err.splitlines()
    assert "error: " in last
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([""], "argument NAME: a name has 1 to 100 printable characters, and no space at its ends"),
        (["x "], "argument NAME: a name has 1 to 100 printable characters, and no space at its ends"),
        (["x", "--scope", "root"], "argument --scope: 'root' is no scope: choose from read, write, monitor, admin"),
        (["x", "--node", "n" * 513], "argument --node: no node id has more than 512 characters"),
        (["x", "--expires", "soon"], "argument --expires: 'soon' is not a duration such as 90d, 12h, 30m or 45s"),
        (["x", "--expires", "99999w"], "argument --expires: 99999w is more than 36,500 days"),
        (["x", "--expires", "0d"], "argument --expires: it must be longer than 0"),
        (["x", "--rate", "fast"], "argument --rate: 'fast' is not a number"),
        (["x", "--rate", "-1"], "argument --rate: -1 is not more than 0 and at most 1,000,000"),
        (["x", "--sessions", "1.5"], "argument --sessions: '1.5' is not a whole number"),
        (["x", "--jobs", "0"], "argument --jobs: 0 is less than 1"),
    ],
    ids=lambda given: ascii(given)[:60],
)
def test_each_mistake_is_named(arguments: list[str], problem: str) -> None:
    assert key("create", *arguments).err.splitlines()[-1] == f"manage.py key create: error: {problem}"


def test_the_longest_prefix_is_as_long_as_the_longest_node_id(name: str) -> None:
    assert made(name, "--node", "n" * MAX_LENGTH)["nodes"] == ["n" * MAX_LENGTH]


def test_show_says_in_words_what_a_key_may_do(name: str) -> None:
    made(name, "--rate", "2.5", "--jobs", "3")
    assert {"read, write", "all", "jobs 3, rate 2.5"} <= set(_values(key("show", name).out))
    made(f"{name} 2", "--node", "shop-")
    assert {"shop-…", "none"} <= set(_values(key("show", f"{name} 2").out))


def _values(shown: str) -> list[str]:
    return [re.split("  +", line.strip(), maxsplit=1)[1] for line in shown.splitlines()]


def test_a_refused_creation_makes_no_key() -> None:
    before = key("list", "--json").out
    key("create", "x", "--rate", "nan")
    assert key("list", "--json").out == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(weeks=2)),
        ("0s", timedelta(0)),
    ],
)
def test_durations(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


def test_it_runs_as_a_program(name: str) -> None:
    result = process("key", "create", name, "--json")
    assert (result.status, result.err) == (0, "")
    assert result.json["name"] == name


@pytest.mark.parametrize(("day", "lifetime"), [(1, "1h"), (-1, "1s")])
def test_list_and_show_tell_by_the_clock_of_the_database_whether_a_key_has_expired(
    name: str, day: int, lifetime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As requests are told, however wrong the clock of this machine is."""
    key_id = made(name, "--expires", lifetime)["id"]
    if lifetime == "1s":
        AccessKey.objects.filter(id=key_id).update(expires_at=Now())
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(days=day))
    [listed] = [one["state"] for one in key("list", "--json").lines if one["id"] == key_id]
    shown = key("show", name, "--json").json["state"]
    assert listed == shown == {"1h": "valid", "1s": "expired"}[lifetime]
