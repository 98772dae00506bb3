"""A prediction ends when its caller says so, wherever it is: between steps, and inside the kernels."""

import threading
from typing import Any

import numpy as np
import pytest

from engine.arrays import Flags
from engine.index import Index
from engine.kernels import long_states
from engine.kernels.alignment import fuzzy_matches
from engine.kernels.blocks import Window
from engine.kernels.filters import compare_signatures, keep_similar
from engine.kernels.members import list_matches
from engine.kernels.text_similarity import LONG, joined_similarity, needle, similar_symbols
from engine.naming import pattern_name
from engine.options import FILTERS, Options
from engine.plain import predict as plain
from engine.plain.knowledge import Knowledge, Pattern
from engine.predict import predict
from engine.query import encode
from engine.stopping import NEVER, Stop
from engine.view import View
from katoproject.configuration.kernels import compile_all
from tests.support.stopping import NobodyWaits, ended

DEADLINE = 20.0  # seconds


@pytest.fixture(scope="module", autouse=True)
def kernels() -> None:
    """What has to end in time may not have to be compiled first."""
    compile_all()


SET, CLEAR = np.ones(1, dtype=np.bool_), np.zeros(1, dtype=np.bool_)


def view_of(*patterns: list[list[str]]) -> View:
    index = Index()
    index.upsert((pattern_name(events), events, 1) for events in patterns)
    return index.view()


CONFIGS: list[dict[str, Any]] = [
    {},
    {"use_token_matching": False},
    {"fuzzy_token_threshold": 0.5},
    {"filter_pipeline": list(FILTERS)},
]
STMS = [[["a"]], [["a", "b"], ["c"]], [["a", "b"] * 40]]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("stm", STMS, ids=["one symbol", "short", "long"])
def test_both_implementations_raise_the_reason(stm: list[list[str]], config: dict[str, Any]) -> None:
    events = [["a", "b"], ["c"], ["d"]]
    with pytest.raises(NobodyWaits):
        predict(view_of(events), stm, config, emotives=lambda names: {}, stop=ended())
    known = Knowledge([Pattern(name=pattern_name(events), events=events)])
    with pytest.raises(NobodyWaits):
        plain.predict(known, stm, Options.from_config(config), stop=ended())


class Ending(Stop):
    """Ends when it is asked for the nth time."""

    def __init__(self, n: int) -> None:
        self._left = n
        super().__init__()

    def check(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.end(NobodyWaits())
        super().check()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_state_is_encoded_in_steps_that_ask(n: int) -> None:
    """Of 200,000 symbols each takes tens of milliseconds, in which no other thread of the process can run."""
    with pytest.raises(NobodyWaits):
        encode(view_of([["a"]]), [["a"] * 1000], Options.from_config({}), Ending(n))


class Announcing(Stop):
    """Tells when a kernel is about to look at the flag."""

    def __init__(self) -> None:
        self.looked_at = threading.Event()
        super().__init__()

    @property
    def flag(self) -> Flags:
        self.looked_at.set()
        return self._flag

    @flag.setter
    def flag(self, flag: Flags) -> None:
        self._flag = flag


@pytest.mark.parametrize("config", [{}, {"fuzzy_token_threshold": 0.5}, {"filter_pipeline": ["rapidfuzz"]}], ids=str)
def test_one_pair_of_long_lists_does_not_outlast_the_stop(config: dict[str, Any]) -> None:
    """Compared to the end, these take many minutes."""
    longest = [["a"] * 1000] * 1000
    view, stop, raised = view_of(longest), Announcing(), threading.Event()

    def ask() -> None:
        with pytest.raises(NobodyWaits):
            predict(view, longest, config, emotives=lambda names: {}, stop=stop)
        raised.set()

    threading.Thread(target=ask, daemon=True).start()
    assert stop.looked_at.wait(DEADLINE)
    stop.end(NobodyWaits())
    assert raised.wait(DEADLINE)


def test_one_pair_of_long_texts_does_not_outlast_the_stop() -> None:
    """The symbols of a node may be longer than what an observation takes today."""
    view, stop, raised = view_of([["ab" * 1_000_000]]), Announcing(), threading.Event()

    def ask() -> None:
        config = {"fuzzy_token_threshold": 0.1}
        with pytest.raises(NobodyWaits):
            predict(view, [["ba" * 1_000_000, "b"]], config, emotives=lambda names: {}, stop=stop)
        raised.set()

    threading.Thread(target=ask, daemon=True).start()
    assert stop.looked_at.wait(DEADLINE)
    stop.end(NobodyWaits())
    assert raised.wait(DEADLINE)


# Each loop whose length is a product: with the flag set it ends at once, and returns something else than at its end.


def test_blocks_and_subsequences_of_long_states_look_at_the_flag() -> None:
    size = 70
    tokens, at = np.zeros(size, dtype=np.uint16), np.arange(size)
    first, places = np.array([0, size]), np.arange(size)
    scratch = np.empty((3, size), dtype=np.int64)
    windows, blocks = np.empty((2 * size + 4, 4), dtype=np.int64), np.empty((size + 2, 3), dtype=np.int64)

    def blocks_found(flag: Flags) -> int:
        return long_states.find_blocks(
            tokens, 0, size, size, first, places, at, scratch[0], scratch[1], windows, blocks, flag
        )

    def longest_run(flag: Flags) -> int:
        window = Window(0, size, 0, size)
        _, _, run = long_states.longest_run(tokens, 0, window, first, places, at, scratch[0], scratch[1], flag)
        return run

    def common(flag: Flags) -> int:
        return long_states.common_subsequence(tokens, 0, size, first, places, at, scratch[2], flag)

    assert [blocks_found(CLEAR), longest_run(CLEAR), common(CLEAR)] == [1, size, size]
    assert [blocks_found(SET), longest_run(SET), common(SET)] == [0, 0, 0]


def test_fuzzy_matches_and_the_order_of_blocks_look_at_the_flag() -> None:
    tokens = np.zeros(5, dtype=np.uint16)
    first, places = np.array([0, 5]), np.arange(5)

    def matched(flag: Flags) -> int:
        return fuzzy_matches(tokens, 0, 5, 0, first, places, np.full(5, -1), flag)[0]

    def ordered(flag: Flags) -> list[int]:
        blocks, match_places = np.array([[0, 3, 1], [1, 2, 1]]), np.empty(2, dtype=np.int64)
        list_matches(2, blocks, 0, match_places, flag)
        return match_places.tolist()

    assert (matched(CLEAR), ordered(CLEAR)) == (5, [2, 3])
    assert (matched(SET), ordered(SET)) == (0, [3, 2])


@pytest.mark.parametrize("length", [10, 64 * LONG + 10], ids=["short", "long"])
def test_comparing_texts_looks_at_the_flag(length: int) -> None:
    text = "x" * length
    view = view_of([[text]])

    def tokens_found(flag: Flags) -> int:
        return len(similar_symbols(needle(text), view.texts, 1, 0.9, flag)[0])

    def similarity(flag: Flags) -> float:
        return joined_similarity(needle(text), view.texts, view.columns.tokens, 0, 1, flag)

    assert (tokens_found(CLEAR), similarity(CLEAR)) == (1, 1.0)
    assert (tokens_found(SET), similarity(SET)) == (0, 0.0)


def test_filters_look_at_the_flag() -> None:
    view = view_of([["a"], ["b"]])
    query = encode(view, [["x"], ["y"]], Options(), NEVER)

    def kept(flag: Flags) -> list[bool]:
        allowed = np.ones(1, dtype=np.bool_)
        keep_similar(view.columns, query.state, 2, True, 0.5, query.text, view.texts, allowed, flag)
        return allowed.tolist()

    def agreeing(flag: Flags) -> list[bool]:
        values = np.zeros((2, 1), dtype=np.uint32)
        equal, allowed = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.bool_)
        agreed: list[bool] = compare_signatures(view.columns, values, values[0], equal, allowed, flag).tolist()
        return agreed

    assert (kept(CLEAR), agreeing(CLEAR)) == ([False], [True])
    assert (kept(SET), agreeing(SET)) == ([True], [False])


def test_a_stopped_prediction_can_be_asked_again() -> None:
    """Kernels share scratch memory within a prediction only; what the stop left there does no harm."""
    events = [["a", "b"], ["c"]]
    view = view_of(events)
    before = predict(view, events, {}, emotives=lambda names: {})
    with pytest.raises(NobodyWaits):
        predict(view, events, {}, emotives=lambda names: {}, stop=ended())
    assert predict(view, events, {}, emotives=lambda names: {}) == before
    assert before.count == 1
