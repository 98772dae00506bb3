"""Where the blocks of a pattern put its events: past, present, future (engine.md 5.4, 5.5)."""

from typing import NamedTuple

from engine.kernels import Ints, compiled
from engine.kernels.blocks import State, Workspace
from engine.kernels.columns import Columns, pulls_past, split_events, symbols_between


class Fuzzy(NamedTuple):
    """Which state places each token matches (5.4): places[first[token] : first[token + 1]]; `active` if F > 0.

    seen: scratch by state place.
    """

    active: bool
    first: Ints
    places: Ints
    seen: Ints


@compiled
def fuzzy_matches(columns: Columns, row: int, fuzzy: Fuzzy) -> tuple[int, int]:
    """M of 5.4 and the first state place that is matched."""
    matched, earliest = 0, fuzzy.seen.shape[0]
    for i in range(columns.starts[row], columns.starts[row + 1]):
        token = columns.tokens[i]
        for p in range(fuzzy.first[token], fuzzy.first[token + 1]):
            place = fuzzy.places[p]
            if fuzzy.seen[place] != row:
                fuzzy.seen[place] = row
                matched += 1
                earliest = min(earliest, place)
    return matched, earliest


@compiled
def signal_to_noise(matched: int, state_size: int) -> float:
    """snr of 5.5; the denominator is never 0 for a state that is not empty."""
    unmatched = state_size - matched
    return (2 * matched - unmatched) / (2 * matched + unmatched) if 2 * matched + unmatched != 0 else 0.0


class Alignment(NamedTuple):
    """Where the blocks put the pattern's events: present to future; and what is matched."""

    matched: int
    blocks: int
    present: int
    future: int
    symbols: int
    """in present"""


@compiled
def align(columns: Columns, row: int, blocks: int, state: State, fuzzy: Fuzzy, work: Workspace) -> Alignment:
    """5.5 from the blocks in `work`."""
    length = columns.starts[row + 1] - columns.starts[row]
    matched, first, last, place = 0, length, 0, 0
    for b in range(blocks):
        matched += work.blocks[b, 2]
        last = max(last, work.blocks[b, 0] + work.blocks[b, 2])
        if work.blocks[b, 0] < first:
            first, place = work.blocks[b, 0], work.blocks[b, 1]
    if blocks == 0:
        first, last = 0, length
    if fuzzy.active:
        matched, place = fuzzy_matches(columns, row, fuzzy)
    present, future = split_events(columns, row, first, last)
    if matched > 0 and pulls_past(columns, row, present, state.tokens[place]):
        present -= 1
    low, high = symbols_between(columns, row, present, future)
    return Alignment(matched, blocks, present, future, high - low)


@compiled
def pre_potential(alignment: Alignment, length: int, state_size: int) -> float:
    """pre of 5.6."""
    matched = alignment.matched
    evidence = matched / length
    confidence = matched / alignment.symbols if alignment.symbols > 0 else 0.0
    unity = 1 / alignment.blocks if alignment.blocks > 0 else 0.0
    return (evidence + confidence) * signal_to_noise(matched, state_size) + unity
