"""The memory of a node: what was learned is predicted from then on, as often as it was learned."""

from bisect import bisect_left
from functools import lru_cache
from itertools import chain
from typing import Any

from benchmarks.torture.checker.alone import Content
from benchmarks.torture.checker.lessons import bare
from benchmarks.torture.checker.node import Node
from benchmarks.torture.checker.ordering import Placed, overtaken
from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import Session
from benchmarks.torture.history import Request

THRESHOLD = 0.1
MOST_PREDICTIONS = 100
NEAR = 1e-9  # of a similarity to the threshold: then either is right

# With one of these a pattern that resembles the STM may still be left out.
_FILTERS = frozenset({"filter_pipeline", "fuzzy_token_threshold", "use_token_matching", "sort_symbols", "sort"})


def _frequencies(request: Request) -> dict[str, int]:
    return {bare(entry["name"]): entry["frequency"] for entry in request.answer["predictions"]}


def adds_up(node: Node, judge: Judge) -> None:
    """A pattern has been learned at least as often as learns of it were acknowledged before the prediction began, and
    at most as often as they were asked for before it ended, on this node, since the node was cleared or the pattern
    purged."""
    learned = node.learned
    for read in node.predictions:
        for name, frequency in _frequencies(read).items():
            judge.compared()
            lessons = learned.pattern(name).lessons
            if frequency < (low := learned.at_least(name, read)):
                told = [lesson.request for lesson in lessons if lesson.sure and lesson.end < read.start]
                judge.violated(f"frequency {frequency}, at least {low} expected", *told[-low:], read)
            elif frequency > (high := learned.at_most(name, read)):
                told = [lesson.request for lesson in lessons if lesson.start < read.end]
                judge.violated(f"frequency {frequency}, at most {high} expected", *told[-high - 1 :], read)


def never_less(node: Node, judge: Judge) -> None:
    """While nothing is cleared or purged, no later prediction shows a pattern with a lower frequency than an earlier
    one."""
    shown: dict[str, list[Placed]] = {}
    spans = list(node.learned.spans())
    starts = [start for start, _ in spans]
    for read in node.predictions:
        span = bisect_left(starts, read.start) - 1
        if read.end < spans[span][1]:
            for name, frequency in _frequencies(read).items():
                key = f"{name} {span}"
                shown.setdefault(key, []).append(Placed(read.start, read.end, read, high=frequency))
    for key, items in shown.items():
        judge.compared(len(items))
        for earlier, later in overtaken(items):
            what = f"{key.split()[0]} had frequency {earlier.high:g}, then {later.high:g}"
            judge.violated(what, earlier.request, later.request)


@lru_cache(100_000)
def common(pattern: Content, state: Content) -> int:
    """The length of the longest common subsequence of their symbols."""
    flat, seen = list(chain.from_iterable(pattern)), list(chain.from_iterable(state))
    row = [0] * (len(seen) + 1)
    for symbol in flat:
        above = 0
        for place, other in enumerate(seen, start=1):
            above, row[place] = row[place], (above + 1 if symbol == other else max(row[place], row[place - 1]))
    return row[-1]


def similar(pattern: Content, state: Content) -> float:
    """engine.md 5.2; for a state of one symbol, which patterns are candidates (5.9)."""
    seen = sum(map(len, state))
    if seen == 1:
        return float(pattern[0][:1] == state[0][:1])
    return 2 * common(pattern, state) / (sum(map(len, pattern)) + seen)


def _threshold(session: Session) -> float | None:
    """None: not every pattern that resembles the STM needs to be predicted."""
    created, *changed = session.settings
    if any(_FILTERS & settings.keys() for settings in session.settings):
        return None
    if any({"recall_threshold", "max_predictions"} & settings.keys() for settings in changed):
        return None
    return float(created.get("recall_threshold", THRESHOLD))


def _most(session: Session) -> int:
    most: Any = session.settings[0].get("max_predictions", MOST_PREDICTIONS)
    return int(most)


def is_predicted(node: Node, judge: Judge) -> None:
    """A pattern that was learned before a prediction began is in it, if it resembles the STM as much as the session
    asks for, in whichever session of the node, and whichever process responds; unless it may be retired."""
    learned = node.learned
    with_symbol: dict[str, dict[str, Content]] = {}
    for name in learned.names():
        content = learned.contents.get(name, ())
        for symbol in chain.from_iterable(content):
            with_symbol.setdefault(symbol, {})[name] = content
    for session, moments in node.moments:
        threshold = _threshold(session)
        if threshold is None:
            continue
        for moment in moments:
            if moment.request.operation != "predict" or not moment.before:
                continue
            shown = _frequencies(moment.request)
            if len(shown) >= _most(session):
                continue
            known: dict[str, Content] = {}
            for symbol in chain.from_iterable(moment.before):
                known |= with_symbol.get(symbol, {})
            for name, content in known.items():
                similarity = similar(content, moment.before)
                if similarity <= 0 or similarity < threshold + NEAR:
                    continue
                judge.compared()
                asked = moment.request
                if node.retirements.perhaps(name, asked.start, asked.end):
                    continue
                if name not in shown and learned.at_least(name, asked) > 0:
                    sure = (lesson for lesson in learned.pattern(name).lessons if lesson.sure)
                    lesson = max((one for one in sure if one.end < moment.request.start), key=lambda one: one.start)
                    judge.violated(f"{name} is missing", lesson.request, moment.request)


def learned_once(node: Node, judge: Judge) -> None:
    """Where every symbol is observed once, no pattern is learned twice."""
    for read in node.predictions:
        for name, frequency in _frequencies(read).items():
            judge.compared()
            if frequency != 1:
                judge.violated(f"{name} has frequency {frequency}", read)


OF_WORDS = (adds_up, never_less, is_predicted)
OF_UNIQUE = (adds_up, is_predicted, learned_once)
