"""The JSON of events: an index reads what Python's parser reads, and nothing else."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from engine.index import Index
from engine.naming import pattern_name
from engine.predict import predict
from engine.symbols import SymbolTable
from tests.engine import strategies

Patterns = list[list[list[str]]]

symbols = strategies.symbols | st.text(max_size=40)
some_patterns = st.lists(st.lists(st.lists(symbols, max_size=4), max_size=4), max_size=5)
PIECES = ["", "[", "]", ",", '"', "\\", "\\u", "\\ud83d", "\\ude00", "0", "\n", "\x00", "\ud800"]
spaces = st.text(" \t\n\r", max_size=2)


def read(text: str, patterns: int, table: SymbolTable | None = None) -> Patterns:
    """What the table reads of the text, as objects again."""
    table = table or SymbolTable()
    lengths, event_counts, tokens, ends = table.read(text, patterns)
    known = table.texts().strings()
    names = [known[token] for token in tokens.tolist()]
    found, first, event = [], 0, 0
    for length, count in zip(lengths.tolist(), event_counts.tolist(), strict=True):
        places = [0, *ends[event : event + count].tolist()]
        found.append([names[first + low : first + high] for low, high in pairwise(places)])
        assert places[-1] == length
        first, event = first + length, event + count
    return found


@st.composite
def spellings(draw: st.DrawFn, value: Any) -> str:
    """JSON of the value, with any white space, and with any of its characters escaped."""
    if isinstance(value, list):
        inner = ",".join(draw(spaces) + draw(spellings(one)) + draw(spaces) for one in value)
        return f"[{inner or draw(spaces)}]"
    plain = json.dumps(value, ensure_ascii=draw(st.booleans()))[1:-1]
    if draw(st.booleans()):
        units = value.encode("utf-16-be")
        form = draw(st.sampled_from(["\\u{:04x}", "\\u{:04X}"]))
        plain = "".join(form.format(int.from_bytes(units[i : i + 2], "big")) for i in range(0, len(units), 2))
    return '"' + plain.replace("/", draw(st.sampled_from(["/", "\\/"]))) + '"'


@settings(deadline=None)
@given(some_patterns)
def test_what_is_written_is_read(patterns: Patterns) -> None:
    assert read(to_json(patterns).decode()[1:-1], len(patterns)) == patterns


@settings(deadline=None)
@given(st.data())
def test_any_spelling_is_read(data: st.DataObject) -> None:
    patterns = data.draw(some_patterns)
    text = data.draw(spellings(patterns)).strip()[1:-1]
    assert json.loads(f"[{text}]") == patterns
    assert read(text, len(patterns)) == patterns


def valid(text: str) -> Patterns | None:
    """By the parser of Python and Pydantic's; None if one of them refuses it, or if it is something else."""
    try:
        patterns = from_json(f"[{text}]")
        assert json.loads(f"[{text}]") == patterns
    except (ValueError, TypeError):  # TypeError: Pydantic's, for lone surrogates
        return None
    is_right = isinstance(patterns, list) and all(
        isinstance(events, list) and all(isinstance(e, list) and all(isinstance(x, str) for x in e) for e in events)
        for events in patterns
    )
    return patterns if is_right else None


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_what_no_parser_reads_is_refused(data: st.DataObject) -> None:
    """Texts that are nearly right: one piece is missing, is there twice, or is something else."""
    text = to_json(data.draw(some_patterns)).decode()[1:-1]
    for _ in range(data.draw(st.integers(1, 2))):
        place, gone = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 2))
        text = text[:place] + data.draw(st.sampled_from(PIECES)) + text[place + gone :]
    expected = valid(text)
    if expected is not None:
        assert read(text, len(expected)) == expected
    else:
        for patterns in range(4):
            with pytest.raises(ValueError, match=r"JSON|surrogates"):
                read(text, patterns)


@pytest.mark.parametrize(
    "text",
    [
        r'[["\ud800"]]',
        r'[["\ud800\ud800"]]',
        r'[["\udc00\ud800"]]',
        r'[["\ud83dx\ude00"]]',
        r'[["\u12"]]',
        r'[["\u12g4"]]',
        r'[["\x"]]',
        '[["a\n"]]',
        '[["a]]',
        '[["a\\',
        '[["a\\"',
        '[["a"',
        '[["a"]]]',
        '[["a",]]',
        '[["a"],]',
        '[["a"]],',
        ',[["a"]]',
        '[["a" "b"]]',
        '[["a"]["b"]]',
        '[["a"],"b"]',
        '["a"]',
        '[[["a"]]]',
        '[["a", 1]]',
        '[["a"]] [["b"]]',
        '[["a"]],[["b"]]',
        "",
    ],
)
def test_what_is_refused_changes_nothing(text: str) -> None:
    index = Index()
    index.upsert([(pattern_name([["a"], ["b"]]), [["a"], ["b"]], 1)])
    before, stored = index.view(), index.stored()
    with pytest.raises(ValueError, match="events of 1 patterns"):
        index.upsert_json(bytes(20), text, np.ones(1, dtype=np.int64))
    assert index.view() is before
    assert index.stored().numbers == stored.numbers
    index.upsert([(pattern_name([["c"]]), [["c"]], 1)])
    assert list(index.view().symbol_statistics()) == ["a", "b", "c"]


def test_many_new_symbols_and_long_ones_make_room() -> None:
    patterns = [[[f"{'long ' * (number % 50)}{number}" for number in range(start, start + 700)]] for start in range(5)]
    patterns.append([["x" * 100_000, "😀" * 1000]])
    table = SymbolTable()
    for _ in range(2):
        assert read(to_json(patterns).decode()[1:-1], len(patterns), table) == patterns


@settings(deadline=None)
@given(strategies.patterns(), st.data())
def test_predictions_are_the_same_however_events_are_written(known: list[Any], data: st.DataObject) -> None:
    plain, spelled = Index(), Index()
    plain.upsert((one.name, one.events, one.frequency) for one in known)
    names = b"".join(bytes.fromhex(one.name) for one in known)
    frequencies = np.array([one.frequency for one in known], dtype=np.int64)
    texts = data.draw(spellings([one.events for one in known])).strip()[1:-1]
    spelled.upsert_json(names, texts, frequencies)
    stm = data.draw(strategies.events())
    one, other = (predict(index.view(), stm, {}, emotives=lambda names: {}) for index in (plain, spelled))
    assert one == other
