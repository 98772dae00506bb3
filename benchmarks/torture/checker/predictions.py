"""What a prediction says of its pattern (docs/specification/engine.md 5), as far as the pattern and the STM tell it."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from typing import Any

from benchmarks.torture.checker.alone import Content, content_of
from benchmarks.torture.checker.lessons import bare
from benchmarks.torture.checker.memory import MOST_PREDICTIONS, common
from benchmarks.torture.checker.node import Node
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.history import Request

NEAR = 1e-9  # of two numbers that were added up in another order
DECIMALS = 12  # of the potential, for ranking

# With one of these, other predictions, in another order, or with other numbers.
_CHANGING = frozenset(
    {"affinity_emotive", "fuzzy_token_threshold", "rank_sort_algo", "sort", "sort_symbols", "use_token_matching"}
)


def _flat(content: Content) -> list[str]:
    return [symbol for event in content for symbol in event]


def _predictions(node: Node) -> Iterator[tuple[Request, dict[str, Any]]]:
    for request in node.predictions:
        for entry in request.answer["predictions"]:
            yield request, entry


def _events_from(content: Content, start: int, symbols: int) -> int:
    """The smallest number of leading events, `start` at least, that have so many symbols."""
    number = start
    while sum(map(len, content[:number])) < symbols:
        number += 1
    return number


@lru_cache(100_000)
def expected(pattern: Content, state: Content) -> dict[str, Any]:
    """What a prediction must say of the pattern when the STM is `state`."""
    flat, seen = _flat(pattern), _flat(state)
    # The blocks of 5.3: the longest run, then those before and after it.
    *found, _ = SequenceMatcher(None, flat, seen, autojunk=False).get_matching_blocks()
    blocks = found[:1] if len(seen) == 1 else found
    matches = [symbol for block in blocks for symbol in flat[block.a : block.a + block.size]]
    first = _events_from(pattern, 0, blocks[0].a) if blocks else 0
    last = _events_from(pattern, first, blocks[-1].a + blocks[-1].size) if blocks else len(pattern)
    if first and matches and matches[0] in pattern[first - 1]:
        first -= 1
    present = pattern[first:last]
    shared = common(pattern, state)
    number, total = len(matches), len(flat) + len(seen)
    excess = len(seen) - number
    symbols = len(_flat(present))
    return {
        "similarity": 2 * shared / total,
        "matches": matches,
        "past": pattern[:first],
        "present": present,
        "future": pattern[last:],
        "missing": [[symbol for symbol in event if symbol not in matches] for event in present],
        "extras": [[symbol for symbol in event if symbol not in _flat(present)] for event in state],
        "evidence": number / len(flat),
        "confidence": 1.0 if len(seen) == 1 else number / symbols if symbols else 0.0,
        "snr": (2 * number - excess) / (2 * number + excess),
        "fragmentation": len(blocks) - 1.0,
    }


def _differs(shown: Any, wanted: Any) -> bool:
    if isinstance(wanted, float):
        return bool(abs(shown - wanted) > NEAR)
    if isinstance(wanted, tuple):
        return content_of(shown) != wanted
    return bool(shown != wanted)


def _usual(session: Session) -> bool:
    return not any(_CHANGING & settings.keys() for settings in session.settings)


def of_the_pattern(node: Node, judge: Judge) -> None:
    """A prediction shows the pattern that was learned under its name: as a sequence, and divided into past, present and
    future."""
    contents = node.learned.taught
    for request, entry in _predictions(node):
        if "sequence" not in entry:
            continue
        judge.compared()
        shown = content_of(entry["sequence"])
        if shown != contents.get(bare(entry["name"]), shown):
            judge.violated(f"another pattern was learned as {entry['name']}", request)
        elif "past" in entry and content_of([*entry["past"], *entry["present"], *entry["future"]]) != shown:
            judge.violated(f"past, present and future of {entry['name']} are not its sequence", request)


def of_the_stm(node: Node, judge: Judge) -> None:
    """Where the STM is known, a prediction says how much its pattern resembles it, what matches, is missing and is
    more, what is past and what comes next, and the numbers that follow from that."""
    for session, moments in node.moments:
        if not _usual(session):
            continue
        for moment in moments:
            if moment.request.operation != "predict" or not moment.before:
                continue
            for entry in moment.request.answer["predictions"]:
                if "sequence" not in entry:
                    continue
                judge.compared()
                for name, wanted in expected(content_of(entry["sequence"]), moment.before).items():
                    if name in entry and _differs(entry[name], wanted):
                        judge.violated(f"{name} of {entry['name']} is {entry[name]}, not {wanted}", moment.request)


def of_the_frequencies(node: Node, judge: Judge) -> None:
    """The probabilities of the predictions follow from their frequencies and similarities as the same response shows
    them, and the potential from the numbers that it is made of."""
    for request in node.predictions:
        entries = request.answer["predictions"]
        if len(entries) >= MOST_PREDICTIONS:
            continue  # There may be more, which are not shown.
        total = sum(entry["frequency"] for entry in entries)
        for entry in entries:
            if "pattern_probability" not in entry:
                continue
            judge.compared()
            share = entry["frequency"] / total
            wanted = {"pattern_probability": share, "bayesian_prior": share}
            wanted |= {"weighted_strength": share * entry["similarity"], "bayesian_likelihood": entry["similarity"]}
            if entry["weighted_evidence"] is None:
                wanted |= {"potential": _potential(entry)}
            for name, value in wanted.items():
                if abs(entry[name] - value) > NEAR:
                    judge.violated(f"{name} of {entry['name']} is {entry[name]}, not {value}", request)


def _potential(entry: dict[str, Any]) -> float:
    sum_of_both = (entry["evidence"] + entry["confidence"]) * entry["snr"]
    if "pattern_data" in entry:  # of an STM of one symbol
        return float(sum_of_both + 1)
    blocks = entry["fragmentation"] + 1
    return float(sum_of_both + entry["itfdf_similarity"] + (1 / blocks if blocks else 0))


def ranked(node: Node, judge: Judge) -> None:
    """Predictions come in the order of their potential, then of their similarity, then of their names."""
    for session in node.sessions:
        if not _usual(session):
            continue
        for request in session.requests:
            if request.operation != "predict" or request.status != 200:
                continue
            entries = [entry for entry in request.answer["predictions"] if {"potential", "similarity"} <= entry.keys()]
            judge.compared(len(entries))
            for one, other in pairwise(entries):
                if _rank(one) > _rank(other) and not _about_equal(one, other):
                    judge.violated(f"{one['name']} comes before {other['name']}", request)


def _rank(entry: dict[str, Any]) -> tuple[float, float, str]:
    return -round(entry["potential"], DECIMALS), -entry["similarity"], entry["name"]


def _about_equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Too near to say which one is rounded up."""
    difference = abs(one["potential"] - other["potential"])
    return bool(difference < NEAR and round(one["potential"], DECIMALS) != round(other["potential"], DECIMALS))


RULES = (of_the_pattern, of_the_stm, of_the_frequencies, ranked)
