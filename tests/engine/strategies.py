"""Random nodes and STMs with few symbols, so that nearly everything matches in some way."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from engine.contracts import CONTRACTS
from engine.naming import pattern_name
from engine.options import FILTERS, RANK_FIELDS, SINGLE_SYMBOL_MATCHES
from engine.plain.knowledge import Pattern
from tests.engine.implementations import Inputs

WORDS = ["a", "b", "c", "ab", "abc", "lantern", "lanterns", "", " ", "é", "e\u0301", "日本", "😀", "A"]
WORDS += ["'", '"', "\\", "\n", "\x00", "\x1f", "\x7f", "\u2028"]
# Values that the similarities of short lists take, beside round ones, so that tests hit boundaries exactly.
THRESHOLDS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 2 / 3, 0.6666666666666665, 0.8, 1.0, 2 / 7, 4 / 7, 6 / 13, 1e-9]

symbols = st.sampled_from(WORDS) | st.text(max_size=3)


def events(few: Sequence[str] | None = None, *, longest: int = 6) -> st.SearchStrategy[list[list[str]]]:
    symbol = st.sampled_from(few) if few else symbols
    return st.lists(st.lists(symbol, min_size=1, max_size=4), min_size=1, max_size=longest)


@st.composite
def patterns(draw: st.DrawFn, few: Sequence[str] | None = None, *, most: int = 12) -> list[Pattern]:
    drawn = draw(st.lists(events(few), max_size=most, unique_by=pattern_name))
    windows = st.lists(
        st.dictionaries(st.sampled_from(["joy", "fear"]), st.sampled_from([-1.0, 0.1, 0.3, 2.5])), max_size=3
    )
    frequencies, is_retired = st.integers(1, 4), st.sampled_from([False, False, False, True])
    return [
        Pattern(
            name=pattern_name(e),
            events=e,
            frequency=draw(frequencies),
            emotives=draw(windows),
            retired=draw(is_retired),
        )
        for e in drawn
    ]


configs = st.fixed_dictionaries(
    {},
    optional={
        "recall_threshold": st.sampled_from(THRESHOLDS) | st.floats(0, 1),
        "max_predictions": st.integers(1, 5) | st.just(100),
        "use_token_matching": st.booleans(),
        "fuzzy_token_threshold": st.sampled_from([0.0, 0.5, 2 / 3, 0.8, 14 / 15, 1.0]),
        "rank_sort_algo": st.sampled_from(RANK_FIELDS),
        "single_symbol_match": st.sampled_from(SINGLE_SYMBOL_MATCHES),
        "filter_pipeline": st.lists(st.sampled_from(FILTERS), max_size=3),
        "length_min_ratio": st.sampled_from([0.0, 0.5, 1.0]),
        "length_max_ratio": st.sampled_from([1.0, 1.5, 2.0]),
        "jaccard_threshold": st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0]),
        "jaccard_min_overlap": st.integers(1, 3),
        "minhash_threshold": st.sampled_from([0.0, 0.3, 0.7, 1.0]),
        "minhash_bands": st.sampled_from([1, 4, 20]),
        "minhash_rows": st.sampled_from([1, 3, 5]),
        "minhash_num_hashes": st.sampled_from([10, 20, 100]),
    },
)


@st.composite
def all_inputs(draw: st.DrawFn, config: st.SearchStrategy[dict[str, Any]] = configs, *, most: int = 12) -> Inputs:
    few = draw(st.none() | st.lists(symbols, min_size=2, max_size=5, unique=True))
    known = draw(patterns(few, most=most))
    stm = draw(st.just([]) | events(few) | events(few, longest=1) | st.sampled_from([p.events for p in known] or [[]]))
    affinity = draw(st.none() | st.dictionaries(symbols, st.floats(-3, 3), max_size=5))
    finalized = draw(st.none() | st.just(known[: len(known) // 2]))
    contract = draw(st.sampled_from(list(CONTRACTS.values())))
    return Inputs(known, stm, draw(config), affinity, finalized, contract)
