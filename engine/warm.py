"""Compiling every kernel before the first request."""

from collections.abc import Iterable

import numpy as np

from engine.candidates import Candidates, choose, close_up
from engine.contracts import CONTRACTS, Contract
from engine.finalize import Finalized
from engine.index import Index
from engine.kernels.measure import Weights
from engine.naming import pattern_name
from engine.options import FILTERS, Options
from engine.predict import describe
from engine.query import Query, affinity_weights, encode
from engine.stopping import NEVER
from engine.view import View

PARTS = ("narrow", "members", "wide")
"""What the kernels do: find candidates among up to 65,535 symbols, predict from candidates, find them among more."""

_PATTERNS = [[["a", "b"], ["c"], ["d"]], [["a"], ["c", "b"]], [["d"], ["b"]]]
_STMS = ([["a"]], [["a", "b"], ["c"]], [["a", "b"] * 40])
_BY_TOKENS = ({"max_predictions": 1}, {"fuzzy_token_threshold": 0.5})
_BY_CHARACTERS = {"use_token_matching": False, "filter_pipeline": FILTERS, "length_min_ratio": 0.0}


def warm(parts: Iterable[str] = PARTS) -> None:
    """Compile every kernel of these parts, or load it from the cache: a minute the first time, then a second."""
    for part in parts:
        view = _view(wide=part != "narrow")
        for stm in _STMS:
            for config in _BY_TOKENS if part == "members" else (*_BY_TOKENS, _BY_CHARACTERS):
                options = Options.from_config(config)
                query = encode(view, stm, options, NEVER)
                weights = affinity_weights(view, query, {"a": 1.0}, of_all=True)
                for contract in CONTRACTS.values():
                    if part == "members":
                        _describe(view, query, options, contract, weights)
                    else:
                        close_up(view, choose(view, query, contract.semantics, weights, 1, NEVER).rows)


def _view(*, wide: bool) -> View:
    index = Index(wide=wide)
    index.upsert((pattern_name(events), events, 1) for events in _PATTERNS)
    index.remove([pattern_name(_PATTERNS[0])])
    index.upsert((pattern_name(events), events, 2) for events in _PATTERNS)
    return index.view()


def _describe(view: View, query: Query, options: Options, contract: Contract, weights: Weights) -> None:
    token = view.token("a")
    assert token is not None
    rows = view.rows_with(token)
    describe(
        view,
        rows,
        query,
        Candidates(rows, np.ones(len(rows)), np.arange(len(rows))),
        options,
        contract=contract,
        weights=weights,
        emotives=lambda names: {},
        finalized=Finalized(statistics=view.statistics, existed=lambda names: names[:1]),
        stop=NEVER,
    )
