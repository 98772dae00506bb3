"""`manage.py predict` prints the same bytes as the API and writes nothing."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import manage
from sessions_app.management.commands.predict import FIGURES, STYLES
from tests.support.sessions import LiveSession, OpenSession

Predict = Callable[..., str]


@pytest.fixture
def predict(django_db_blocker: DjangoDbBlocker, server: object) -> Iterator[Predict]:
    """Run the command in this process, where PostgreSQL refuses writes."""

    def run(*arguments: str) -> str:
        out = io.StringIO()
        call_command("predict", *arguments, stdout=out)
        return out.getvalue()

    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        yield run
        connection.close()


@pytest.fixture
def taught(open_session: OpenSession) -> LiveSession:
    """A session that has observed `z` and `b`, on a node that has learned what follows."""
    session = open_session(config={"recall_threshold": 0.3})
    for events in (("ab", "c", "d"), ("ab", "c", "d"), ("ab", "e"), ("x", "y")):
        session.teach(*events)
    session.observe("z")
    session.observe("b")
    session.observe("c")
    return session


def test_of_a_session_the_same_bytes_as_the_api(taught: LiveSession, predict: Predict) -> None:
    answer = taught.client.get(f"/sessions/{taught.id}/predictions").content
    assert json.loads(answer)["count"] == 2
    assert predict("--session", taught.id, "--json") == f"{answer.decode()}\n"
    assert predict("--session", taught.id, "--json") == f"{answer.decode()}\n"


def test_of_events_the_same_bytes_as_of_a_session_that_observed_them(taught: LiveSession, predict: Predict) -> None:
    """The symbols are sorted as in an observation."""
    answer = taught.client.get(f"/sessions/{taught.id}/predictions").content.decode()
    told = predict("--node", taught.node, "z", "b", "c", "--recall-threshold", "0.3", "--json")
    assert answer.startswith(f"{told.strip().removesuffix('}')},")
    sorted_events = predict("--node", taught.node, "a,b", "c", "--json")
    assert predict("--node", taught.node, "b,a", "", "c", "--json") == sorted_events
    assert predict("--node", taught.node, "b,a", "c", "--no-sort-symbols", "--json") != sorted_events


def test_of_events_as_a_session_of_another_contract(taught: LiveSession, predict: Predict) -> None:
    asking = LiveSession.create(taught.client, taught.node)
    for event in ("z", "b", "c"):
        asking.observe(event)
    shown = taught.client.get(f"/sessions/{asking.id}/predictions", headers={"X-KATO-Contract": "6.3"}).text
    told = predict("--node", taught.node, "z", "b", "c", "--contract", "6.3", "--json")
    assert shown.startswith(f"{told.strip().removesuffix('}')},")
    assert json.loads(told)["predictions"][0]["anomalies"] == ["a", "z"]


def test_settings_of_a_session_can_be_overridden(taught: LiveSession, predict: Predict) -> None:
    asked = ("--session", taught.id, "--json")
    assert json.loads(predict(*asked, "--max-predictions", "1"))["count"] == 1
    assert json.loads(predict(*asked, "--recall-threshold", "0.9"))["count"] == 0
    ranked = json.loads(predict(*asked, "--rank-sort-algo", "frequency", "--filter-pipeline", "length,jaccard"))
    assert [one["frequency"] for one in ranked["predictions"]] == [2]
    assert json.loads(predict(*asked))["count"] == 2, "what was tried out is not cached"


def test_an_expired_session_is_not_brought_back(
    taught: LiveSession, predict: Predict, database: psycopg.Connection, client: httpx.Client
) -> None:
    before = predict("--session", taught.id, "--json")
    database.execute("UPDATE sessions_app_session SET expires_at = created_at WHERE id = %s", [taught.id])
    assert predict("--session", taught.id, "--json") == before
    assert client.get(f"/sessions/{taught.id}").status_code == 404


def test_a_table_for_people(taught: LiveSession, predict: Predict) -> None:
    lines = predict("--node", taught.node, "z", "b", "c").splitlines()
    assert lines[0].split() == ["potential", *FIGURES, *STYLES, "pattern"]
    assert "a,b → c" in lines[2]
    [name] = [one["name"] for one in pattern_of(taught, predict)]
    assert lines[2].split()[-1] == name


def pattern_of(taught: LiveSession, predict: Predict) -> list[dict[str, Any]]:
    told = json.loads(predict("--node", taught.node, "b", "c", "--max-predictions", "1", "--json"))
    predictions: list[dict[str, Any]] = told["predictions"]
    return predictions


def test_control_characters_in_symbols_do_not_reach_the_terminal(open_session: OpenSession, predict: Predict) -> None:
    session = open_session()
    session.teach("\x1b", "b", "c")
    shown = predict("--node", session.node, "b", "c")
    assert "\x1b" not in shown
    assert "\\x1b" in shown


def test_nothing_matches(predict: Predict, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--node", "nobody knows it", "a") == ""
    assert capsys.readouterr().err == "No pattern matches\n"
    assert json.loads(predict("--node", "nobody knows it", "a", "--json"))["count"] == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "one of the arguments --node --session is required"),
        (["--node", "n", "--session", "s"], "not allowed with argument --node"),
        (["--node", "n"], "Pass at least one event"),
        (["--node", "n", ""], "Pass at least one event"),
        (["--node", "n" * 513, "a"], "String should have at most 512 characters"),
        (["--node", "n", '"a'], "unexpected end of data"),
        (["--session", "s", "a"], "Pass either --session or events"),
        (["--session", "s", "--contract", "6.3"], "a session has a contract of its own"),
        (["--node", "n", "a", "--contract", "7"], "it names an unknown contract, '7'"),
        (["--session", "nowhere"], "Session nowhere not found or expired"),
        (["--node", "n", "a", "--recall-threshold", "2"], "recall_threshold: Must be a number between 0.0 and 1.0"),
        (["--node", "n", "a", "--recall-threshold", "high"], "invalid float value: 'high'"),
        (["--node", "n", "a", "--rank-sort-algo", "beauty"], "rank_sort_algo: Must be one of: potential"),
        (["--node", "n", "a", "--single-symbol-match", "last"], "single_symbol_match: Must be one of: first, anywhere"),
        (["--node", "n", "a", "--filter-pipeline", "length,sieve"], "filter_pipeline: Must be a list of filter names"),
    ],
)
def test_wrong_arguments(predict: Predict, arguments: list[str], problem: str) -> None:
    with pytest.raises(CommandError) as wrong:
        predict(*arguments)
    assert problem in str(wrong.value)


def test_in_a_process_of_its_own(taught: LiveSession) -> None:
    answer = taught.client.get(f"/sessions/{taught.id}/predictions").content.decode()
    assert manage("predict", "--session", taught.id, "--json") == f"{answer}\n"
