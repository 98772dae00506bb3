"""Encoding the state and the options of one prediction for the kernels."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import floor

import numpy as np
from pydantic_core import to_json

from engine.arrays import Flags, Floats, Ints, Json
from engine.kernels.alignment import Fuzzy, State
from engine.kernels.blocks import WORD
from engine.kernels.filters import compare_signatures, keep_lengths, keep_overlaps, keep_similar
from engine.kernels.keys import least_common
from engine.kernels.measure import Weights
from engine.kernels.search import Recall
from engine.kernels.text_similarity import NO_NEEDLE, Needle, needle, similar_symbols
from engine.limits import MEBI, MOST_FUZZY_MATCHES, PredictionTooLarge
from engine.minhash import signature_part, symbol_hashes
from engine.options import Options
from engine.ranges import LARGEST_WEIGHT
from engine.stm import Stm, state
from engine.stopping import Stop
from engine.symbols import json_texts
from engine.view import View

_NO_INTS = np.zeros(0, dtype=np.int64)
_NO_FLAGS = np.zeros(0, dtype=np.bool_)

Ratios = Mapping[str, tuple[Ints, Floats]]
"""By state symbol, the tokens that it matches fuzzily, ascending, and their ratios r (5.4)."""

_VALUES_AT_ONCE = 4 * MEBI
"""Values of MinHash for all symbols, each of which takes up to 20 bytes while it is computed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """The state in the forms that the kernels need.

    observed: its symbols, by place; json: the same as JSON; state: the same as tokens. Unknown symbols have numbers
        after those of the known ones.
    recall, fuzzy, ratios: what a pattern must reach, and what matches fuzzily.
    text: the joined state in character mode.
    single_anywhere: whether the symbol of a one-symbol state may be anywhere in a pattern.
    """

    observed: list[str]
    json: Json
    state: State
    recall: Recall
    fuzzy: Fuzzy
    ratios: Ratios
    text: Needle
    single_anywhere: bool


def encode(view: View, stm: Stm, options: Options, stop: Stop) -> Query:
    """The query for an STM of at least one symbol.

    Raises ValueError for a symbol with a lone surrogate, PredictionTooLarge, and the reason of `stop`.
    """
    observed = state(stm)
    # A long state makes each step long, and no other thread can run meanwhile.
    stop.check()
    encoded = _encode_state(view, observed, np.fromiter(accumulate(map(len, stm)), dtype=np.int64, count=len(stm)))
    stop.check()
    json = json_texts([to_json(symbol) for symbol in observed])
    stop.check()
    by_tokens = options.use_token_matching
    text = NO_NEEDLE if by_tokens else needle(" ".join(observed))
    filtered, allowed = bool(options.filter_pipeline) and len(observed) > 1, _NO_FLAGS
    if filtered:
        allowed = _filter(view, observed, encoded, text, options, stop)
    ratios: Ratios = {}
    if options.fuzzy_token_threshold > 0:
        ratios = _fuzzy_ratios(view, observed, options.fuzzy_token_threshold, stop)
    threshold = float(options.recall_threshold)
    if by_tokens:
        least = least_common(view.longest, len(observed), threshold)
    else:
        least = np.full(view.longest + 1, int(threshold > 0))
    return Query(
        observed=observed,
        json=json,
        state=encoded,
        recall=Recall(threshold, by_tokens, least, view.largest_event, filtered, allowed),
        fuzzy=_encode_fuzzy(view, observed, ratios, active=options.fuzzy_token_threshold > 0),
        ratios=ratios,
        text=text,
        single_anywhere=options.single_symbol_match == "anywhere",
    )


def affinity_weights(view: View, query: Query, affinity: Mapping[str, float] | None, *, of_all: bool) -> Weights:
    """w(x) of 5.6 for the state's symbols, 0 for all others (D25); or for all symbols (5.9)."""
    if affinity is None:
        return Weights(False, np.zeros(0))
    known = len(view.symbol_frequency)
    weights = np.zeros(known + query.state.size)
    weights[slice(None) if of_all else query.state.tokens] = 0.01
    symbols, tokens = query.observed, query.state.tokens
    if of_all:
        symbols = list(affinity)
        tokens = view.symbols.tokens_of(symbols)
    for symbol, token in zip(symbols, tokens.tolist(), strict=True):
        frequency = int(view.symbol_frequency[token]) if 0 <= token < known else 0
        if frequency > 0:
            weights[token] = min(abs(affinity.get(symbol, 0.0)) / frequency + 0.01, LARGEST_WEIGHT)
    return Weights(True, weights)


def _encode_state(view: View, observed: list[str], ends: Ints) -> State:
    known = len(view.symbol_frequency)
    tokens, unknown = view.symbols.tokens_of(observed), dict[str, int]()
    by_place = tokens.tolist()
    if -1 in by_place:
        for place, token in enumerate(by_place):
            if token < 0:
                tokens[place] = known + unknown.setdefault(observed[place], len(unknown))
    if len(observed) > WORD:
        return State(len(observed), tokens, np.zeros(0, dtype=np.uint64), *_places_by_token(known, tokens), ends)
    mask_of = dict[int, int]()
    for place, token in enumerate(by_place):
        if 0 <= token < known:
            mask_of[token] = mask_of.get(token, 0) | 1 << place
    masks = np.zeros(known, dtype=np.uint64)
    masks[list(mask_of)] = np.fromiter(mask_of.values(), dtype=np.uint64)
    return State(len(observed), tokens, masks, _NO_INTS, _NO_INTS, ends)


def _places_by_token(known: int, tokens: Ints, places: Ints | None = None) -> tuple[Ints, Ints]:
    """The places of each known token, ascending: token t has places[first[t] : first[t + 1]]. Returns first and places.

    places: where each of the tokens is, by default at its own number.
    """
    order = np.argsort(tokens, kind="stable")
    order = order[: np.searchsorted(tokens[order], known)]
    first = np.searchsorted(tokens[order], np.arange(known + 1))
    return first, order if places is None else places[order]


def _fuzzy_ratios(view: View, observed: list[str], threshold: float, stop: Stop) -> Ratios:
    ratios: dict[str, tuple[Ints, Floats]] = {}
    matches = 0
    for symbol, places in Counter(observed).items():
        ratios[symbol] = similar_symbols(needle(symbol), view.texts, len(view.symbol_frequency), threshold, stop.flag)
        stop.check()
        matches += places * len(ratios[symbol][0])
        if matches > MOST_FUZZY_MATCHES:
            raise PredictionTooLarge("fuzzy_token_threshold", "too many symbols of the node are as similar as this")
    return ratios


def _encode_fuzzy(view: View, observed: list[str], ratios: Ratios, *, active: bool) -> Fuzzy:
    if not active:
        return Fuzzy(False, _NO_INTS, _NO_INTS, _NO_INTS)
    similar = [ratios[symbol][0] for symbol in observed]
    tokens = np.concatenate(similar)
    places = np.repeat(np.arange(len(observed)), list(map(len, similar)))
    first, places = _places_by_token(len(view.symbol_frequency), tokens, places)
    return Fuzzy(True, first, places, np.full(len(observed), -1))


def _filter(view: View, observed: list[str], encoded: State, text: Needle, options: Options, stop: Stop) -> Flags:
    """By row, whether every filter of the pipeline keeps it."""
    allowed = view.columns.frequency > 0
    for name in options.filter_pipeline:
        if name == "length":
            shortest = max(1, floor(len(observed) * options.length_min_ratio))
            keep_lengths(view.columns.starts, shortest, floor(len(observed) * options.length_max_ratio), allowed)
        elif name == "jaccard":
            in_state = np.zeros(len(view.symbol_frequency), dtype=np.bool_)
            in_state[encoded.tokens[encoded.tokens < len(in_state)]] = True
            overlap, threshold = options.jaccard_min_overlap, float(options.jaccard_threshold)
            keep_overlaps(view.columns, in_state, len(set(observed)), overlap, threshold, allowed)
        elif name == "minhash":
            _keep_minhash(view, observed, options, allowed, stop)
        elif name == "rapidfuzz":
            by_tokens, threshold = options.use_token_matching, float(options.recall_threshold)
            texts, longest = view.texts, view.longest
            keep_similar(view.columns, encoded, longest, by_tokens, threshold, text, texts, allowed, stop.flag)
        stop.check()
    return allowed


def _keep_minhash(view: View, observed: list[str], options: Options, allowed: Flags, stop: Stop) -> None:
    """minhash, band by band, so that the symbols' values stay small and hopeless patterns are dropped early."""
    count, rows = options.minhash_num_hashes, options.minhash_rows
    hashes, known = symbol_hashes(set(observed)), view.symbol_hashes[: len(view.symbol_frequency)]
    at_once = max(1, _VALUES_AT_ONCE // max(1, len(known)))
    equal = np.zeros(len(allowed), dtype=np.int64)
    some_band = np.zeros(len(allowed), dtype=np.bool_)
    for start in range(0, count, rows):
        end = min(start + rows, count)
        agree = allowed.copy()
        for low in range(start, end, at_once):
            high = min(low + at_once, end)
            state_values = signature_part(hashes, count, low, high).min(axis=0)
            symbol_values = signature_part(known, count, low, high)
            agree &= compare_signatures(view.columns, symbol_values, state_values, equal, allowed, stop.flag)
            stop.check()
        if start < options.bands * rows:
            some_band |= agree
        allowed &= (equal + (count - end)) / count >= options.minhash_threshold
    allowed &= some_band
