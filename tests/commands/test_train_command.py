"""`manage.py train` learns a file in batches, and names a wrong line."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections
from pytest_django import DjangoDbBlocker

from katoproject.configuration.environment import PROJECT_DIR
from memory_app.errors import NodeUnknown
from memory_app.reads import browsing, nodes
from memory_app.reads.browsing import Wanted
from sessions_app.files import training

pytestmark = pytest.mark.long

Train = Callable[..., dict[str, Any]]


@pytest.fixture
def train(django_db_blocker: DjangoDbBlocker, server: object, node: str, tmp_path: Path) -> Iterator[Train]:
    """Write text, or lines of JSON, to a file of that name and train a node of this test's own."""

    def run(name: str, content: str | list[Any], *options: str) -> dict[str, Any]:
        file = tmp_path / name
        text = content if isinstance(content, str) else "".join(f"{json.dumps(one)}\n" for one in content)
        file.write_text(text, encoding="utf-8", errors="surrogateescape")
        out = io.StringIO()
        call_command("train", str(file), "--node", node, "--json", *options, stdout=out)
        report: dict[str, Any] = json.loads(out.getvalue())
        return report

    with django_db_blocker.unblock():
        yield run
        connection.close()


def known(node: str) -> dict[str, tuple[int, Any, Any]]:
    """Patterns by their events, spelled `a+b c`: frequency, emotives, metadata."""
    try:
        found = browsing.page(node, Wanted(), limit=100_000).patterns
    except NodeUnknown:
        return {}
    return {
        " ".join("+".join(event) for event in one.events): (one.frequency, one.emotives, one.metadata) for one in found
    }


def frequencies(node: str) -> dict[str, int]:
    return {events: frequency for events, (frequency, _, _) in known(node).items()}


def test_lines_of_text(train: Train, node: str) -> None:
    report = train("days.txt", "\ufeffkettle boil tea\n\n  kettle\tboil coffee \nkettle boil tea\r\nalone\n")
    assert frequencies(node) == {"kettle boil tea": 2, "kettle boil coffee": 1}
    assert (report["sequences"], report["events"], report["patterns"], report["new"], report["again"]) == (
        4,
        10,
        3,
        2,
        1,
    )
    assert report["error"] is None
    assert (train("days.txt", "kettle boil tea\n")["new"], frequencies(node)["kettle boil tea"]) == (0, 3)


def test_lines_of_json(train: Train, node: str) -> None:
    felt = {"strings": ["boil"], "emotives": {"joy": 0.5}, "metadata": {"by": "me"}}
    train("days.ndjson", [[["kettle"], felt, ["tea", "cup"]], [], [["kettle"], ["boil"]]])
    assert known(node) == {
        "kettle boil cup+tea": (1, [{"joy": 0.5}], {"by": ["me"]}),
        "kettle boil": (1, [], {}),
    }


def test_rows_of_one_case_may_be_anywhere(train: Train, node: str) -> None:
    table = """order,activity,who,cost
2,ask,ann,
1,"order, in writing",bob,1.5
2,offer,,2

1,pay,bob,
2,pay,ann,
1,,,
"""
    options = ("--case", "order", "--symbols", "activity,who", "--emotives", "cost", "--metadata", "order")
    report = train("log.csv", table, *options)
    assert known(node) == {
        "ann+ask offer ann+pay": (1, [{"cost": 2.0}], {"order": ["2"]}),
        "bob+order, in writing bob+pay": (1, [{"cost": 1.5}], {"order": ["1"]}),
    }
    assert (report["sequences"], report["events"]) == (2, 5)


def test_the_table_of_the_tutorial(train: Train, node: str) -> None:
    """Without a case column, each row is a sequence."""
    calls = (PROJECT_DIR / "docs" / "tutorial" / "calls.csv").read_text()
    report = train("calls.csv", calls, "--symbols", "calls", "--metadata", "function")
    assert report["sequences"] == 3679
    assert report["new"] == nodes.count_patterns(node)
    assert report["patterns"] == sum(frequencies(node).values()) > report["new"]
    assert known(node)["iter next discard"][2] == {"function": ["_collections_abc.MutableSet.pop"]}


def test_the_configuration_of_sessions_applies(train: Train, node: str) -> None:
    train("pairs.txt", "d c b a\n", "--max-pattern-length", "2", "--stm-mode", "ROLLING")
    train("unsorted.ndjson", [[["z", "a"]]], "--no-sort-symbols")
    assert frequencies(node) == {"d c": 1, "c b": 1, "b a": 1, "z+a": 1}


def test_a_very_long_sequence_keeps_its_last_events(
    train: Train, node: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report = train("long.txt", " ".join(f"s{number}" for number in range(1200)))
    [events] = known(node)
    assert events.split()[0] == "s200"
    assert report["cut"] == 1
    assert "only the last 1000 events" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "line", "options", "problem"),
    [
        ("x.ndjson", "{", [], "EOF while parsing"),
        ("x.ndjson", '{"strings": []}', [], "Input should be a valid array"),
        ("x.ndjson", '[["a"], 1]', [], "1: Input should be an object"),
        ("x.ndjson", '[["a", 1]]', [], "0.1: Input should be a valid string"),
        ("x.ndjson", '[{"strings": "a"}]', [], "0.strings: Input should be a valid"),
        ("x.ndjson", '[["\\u0000"]]', [], "0.0: Input should not contain the character U+0000"),
        ("x.ndjson", '[{"emotives": {"joy": 1e999}}]', [], "finite number"),
        ("x.ndjson", '[{"vectors": [[1, 2], [1, 2, 3]]}]', [], "Vector dimension mismatch: expected 2, got 3"),
        ("x.ndjson", '[{"vectors": [[1, 2]]}, {"vectors": [[1, 2, 3]]}]', [], "expected 2, got 3"),
        ("x.txt", "a \0 b", [], "U+0000 cannot be stored"),
        ("x.txt", "a \udcff b", [], "it is not UTF-8: invalid start byte at byte 3"),
        ("x.csv", "a b,1,2", ["--symbols", "words"], "it has 3 columns, the header has 2"),
        ("x.csv", "a b,x", ["--symbols", "words", "--emotives", "joy"], "joy: 'x' is not a number"),
        ("x.csv", "a b,nan", ["--symbols", "words", "--emotives", "joy"], "joy: 'nan' is not finite"),
        ("x.csv", '"a b,', ["--symbols", "words"], "unexpected end of data"),
    ],
)
def test_a_wrong_line_is_named_and_what_is_before_it_was_learned(
    train: Train, node: str, name: str, line: str, options: list[str], problem: str
) -> None:
    good = {"x.ndjson": '[["a"], ["b"]]', "x.txt": "a b", "x.csv": "a b,0.5"}[name]
    first = "words,joy" if name == "x.csv" else good
    before = 1 if name == "x.csv" else 2
    with pytest.raises(CommandError) as wrong:
        train(name, "\n".join([first, good, line, good]), *options)
    assert str(wrong.value).startswith("line 3: ")
    assert problem in str(wrong.value)
    assert f"What was learned stays: {before} sequence{'s' * (before > 1)}; continue with --skip {before}" in str(
        wrong.value
    )
    assert frequencies(node) == {"a b": before}


def test_an_interrupted_training_continues_where_it_stopped(
    train: Train, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "BATCH", 2)
    lines = [[[f"s{number}"], ["x"]] for number in range(5)]
    with pytest.raises(CommandError, match=r"^line 4: .*What was learned stays: 3 sequences; continue with --skip 3$"):
        train("days.ndjson", [*lines[:3], "wrong", *lines[4:]])
    with pytest.raises(CommandError, match=r"What was learned stays: 0 sequences; continue with --skip 3$"):
        train("days.ndjson", [*lines[:3], "wrong", *lines[4:]], "--skip", "3")
    train("days.ndjson", lines, "--skip", "3")
    assert frequencies(node) == {f"s{number} x": 1 for number in range(5)}


def test_a_table_with_cases_is_checked_as_a_whole_first(train: Train, node: str) -> None:
    with pytest.raises(CommandError, match=r"^line 4: .* stays: 0 sequences"):
        train("log.csv", "case,what\n1,a\n1,b\n2\n", "--case", "case", "--symbols", "what")
    assert known(node) == {}


def test_a_dry_run_learns_nothing(train: Train, node: str) -> None:
    report = train("days.txt", "a b\nc d e\n", "--dry-run")
    assert (report["sequences"], report["events"], report["patterns"], report["dry_run"]) == (2, 5, 0, True)
    with pytest.raises(CommandError, match=r"^line 2: .*Valid before that: 1 sequence; nothing was learned$"):
        train("days.ndjson", [[["a"]], "wrong"], "--dry-run")
    assert known(node) == {}


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("x.dat", [], "; pass --format"),
        ("x.csv", [], "needs --symbols"),
        ("x.csv", ["--symbols", "a,b"], "name one column in --symbols"),
        ("x.csv", ["--symbols", "a", "--case", "c", "--delimiter", ""], "one character"),
        ("x.csv", ["--symbols", "nothing"], "no column 'nothing'. Its columns: words,joy"),
        ("x.csv", ["--symbols", "a", "--persistence", "0"], "persistence: Must be an integer between 1 and 100"),
        ("x.txt", ["--skip", "-1"], "-1 is less than 0"),
        ("x.txt", ["--max-pattern-length", "many"], "invalid int value: 'many'"),
    ],
)
def test_wrong_arguments(train: Train, name: str, options: list[str], problem: str) -> None:
    with pytest.raises(CommandError) as wrong:
        train(name, "words,joy\n", *options)
    assert problem.replace(",joy", ", joy") in str(wrong.value)


def test_a_commit_whose_answer_is_lost_counts(train: Train, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks between the commit and its reply: only PostgreSQL knows the outcome."""
    lose_the_connection(monkeypatch, committed=True)
    assert train("days.txt", "a b\n")["patterns"] == 1
    assert frequencies(node) == {"a b": 1}


def test_a_batch_that_was_rolled_back_does_not_count(train: Train, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lose_the_connection(monkeypatch, committed=False)
    with pytest.raises(CommandError, match=r"the connection is lost.* stays: 0 sequences"):
        train("days.txt", "a b\n")
    assert known(node) == {}


def lose_the_connection(monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> None:
    """Break the connection at the next commit."""
    wrapper = connections["default"]
    commit = wrapper.commit

    def fail() -> None:
        monkeypatch.undo()
        if committed:
            commit()
        wrapper.close()
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(wrapper, "commit", fail)
