"""Compiling the kernels before anybody waits for them: half a minute the first time, then read from disk.

Numba keeps compiled kernels beside the sources, or where NUMBA_CACHE_DIR says.
"""

from engine.index import Index
from engine.naming import pattern_name
from engine.predict import predict

_PATTERNS = [[["a", "b"], ["c"], ["d"]], [["a"], ["c", "x"], ["e"]], [["b"], ["a"]]]
_CONFIGURATIONS: list[dict[str, object]] = [
    {},
    {"use_token_matching": False},
    {"fuzzy_token_threshold": 0.5},
    {"filter_pipeline": ["length", "jaccard", "minhash", "rapidfuzz"]},
]
_STATES = [[["a"], ["c"]], [["a"]]]


def warm() -> None:
    """Run every kernel once."""
    index = Index()
    index.upsert([(pattern_name(events), events, 1) for events in _PATTERNS])
    index.upsert([(pattern_name(_PATTERNS[0]), _PATTERNS[0], 2)])
    for config in _CONFIGURATIONS:
        for stm in _STATES:
            for affinity in (None, {"a": 1.0}):
                predict(index, stm, config, emotives=lambda names: {}, affinity=affinity)
    index.remove([pattern_name(_PATTERNS[0])])


if __name__ == "__main__":
    warm()
