"""The candidate filters (engine.md 5.1 with D26, D27). Each keeps a subset, so their order makes no difference."""

from collections.abc import Callable
from math import floor

from engine.minhash import signature_part, symbol_hashes
from engine.options import Options
from engine.plain.matching import similarity, token_ratio
from engine.stopping import Stop

Filter = Callable[[list[str], list[str], Options, Stop], bool]


def passes(symbols: list[str], observed: list[str], options: Options, stop: Stop) -> bool:
    """Whether a pattern of these symbols passes all filters, for the state `observed`."""
    stop.check()
    return all(_FILTERS[name](symbols, observed, options, stop) for name in options.filter_pipeline)


def _length(symbols: list[str], observed: list[str], options: Options, _stop: Stop) -> bool:
    shortest = max(1, floor(len(observed) * options.length_min_ratio))
    return shortest <= len(symbols) <= floor(len(observed) * options.length_max_ratio)


def _jaccard(symbols: list[str], observed: list[str], options: Options, _stop: Stop) -> bool:
    overlap = len({*symbols} & {*observed})
    share = overlap / len({*symbols} | {*observed})
    return overlap >= options.jaccard_min_overlap and share >= options.jaccard_threshold


def _minhash(symbols: list[str], observed: list[str], options: Options, _stop: Stop) -> bool:
    count, rows = options.minhash_num_hashes, options.minhash_rows
    ours = signature_part(symbol_hashes({*symbols}), count, 0, count).min(axis=0)
    theirs = signature_part(symbol_hashes({*observed}), count, 0, count).min(axis=0)
    equal = [bool(same) for same in ours == theirs]
    bands = (equal[band * rows : (band + 1) * rows] for band in range(options.bands))
    return any(all(band) for band in bands) and equal.count(True) / count >= options.minhash_threshold


def _bloom(_symbols: list[str], _observed: list[str], _options: Options, _stop: Stop) -> bool:
    return True


def _rapidfuzz(symbols: list[str], observed: list[str], options: Options, stop: Stop) -> bool:
    if options.use_token_matching:
        similar = token_ratio(symbols, observed, stop)
    else:
        similar = similarity(symbols, observed, stop, by_tokens=False)
    return similar >= options.recall_threshold and not {*symbols}.isdisjoint(observed)


_FILTERS: dict[str, Filter] = {
    "length": _length,
    "jaccard": _jaccard,
    "minhash": _minhash,
    "bloom": _bloom,
    "rapidfuzz": _rapidfuzz,
}
