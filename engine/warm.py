"""Compiling every kernel before the first request."""

from collections.abc import Iterable

from engine.finalize import finalize
from engine.index import Index
from engine.naming import pattern_name
from engine.options import FILTERS
from engine.predict import Finalized, predict


def warm(widths: Iterable[bool] = (False, True)) -> None:
    """Compile every kernel, or load it from the cache: a minute the first time on a machine, then a second.

    `widths`: for indexes of up to 65,536 symbols (False), or of more (True).
    """
    patterns = [[["a", "b"], ["c"], ["d"]], [["a"], ["c", "b"]], [["d"], ["b"]]]
    for wide in widths:
        index = Index(wide=wide)
        index.upsert((pattern_name(events), events, 1) for events in patterns)
        index.remove([pattern_name(patterns[0])])
        index.upsert((pattern_name(events), events, 2) for events in patterns)
        finalized = _finalized(index)
        for stm in ([["a"]], [["a", "b"], ["c"]], [["a", "b"] * 40]):
            for config in (
                {"max_predictions": 1},
                {"use_token_matching": False, "filter_pipeline": FILTERS, "length_min_ratio": 0.0},
                {"fuzzy_token_threshold": 0.5},
            ):
                predict(index.view(), stm, config, emotives=lambda names: {}, affinity={"a": 1.0}, finalized=finalized)


def _finalized(index: Index) -> Finalized:
    symbol_count, entropies = finalize(index)
    return Finalized(symbol_count=symbol_count, global_normalized_entropy=lambda names: entropies)
