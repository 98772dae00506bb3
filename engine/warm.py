"""Compiling every kernel before the first request."""

from collections.abc import Iterable

from engine.contracts import CONTRACTS
from engine.finalize import Finalized
from engine.index import Index
from engine.naming import pattern_name
from engine.options import FILTERS
from engine.predict import predict


def warm(widths: Iterable[bool] = (False, True)) -> None:
    """Compile every kernel, or load it from the cache: this takes a minute the first time, then a second.

    widths: whether the indexes to compile for have more than 65,535 symbols.
    """
    patterns = [[["a", "b"], ["c"], ["d"]], [["a"], ["c", "b"]], [["d"], ["b"]]]
    for wide in widths:
        index = Index(wide=wide)
        index.upsert((pattern_name(events), events, 1) for events in patterns)
        index.remove([pattern_name(patterns[0])])
        index.upsert((pattern_name(events), events, 2) for events in patterns)
        view = index.view()
        finalized = Finalized(statistics=view.statistics, existed=lambda names: names[:1])
        for stm in ([["a"]], [["a", "b"], ["c"]], [["a", "b"] * 40]):
            for config in (
                {"max_predictions": 1},
                {"use_token_matching": False, "filter_pipeline": FILTERS, "length_min_ratio": 0.0},
                {"fuzzy_token_threshold": 0.5},
            ):
                for contract in CONTRACTS.values():
                    predict(
                        view,
                        stm,
                        config,
                        contract=contract,
                        emotives=lambda names: {},
                        affinity={"a": 1.0},
                        finalized=finalized,
                    )
