"""Writing the lists of symbols in a prediction as JSON: sequence, matches, missing, extras, futures (engine.md 5.5;
kato-6.md 3.2, 3.3).
"""

from typing import NamedTuple

import numpy as np

from engine.arrays import Bytes, Columns, Flags, Ints, Json, Numbers, Tokens
from engine.kernels.alignment import State
from engine.kernels.compiler import compiled, inlined
from engine.kernels.copying import copy_bytes
from engine.kernels.event_ends import event_end
from engine.kernels.members import Members
from engine.kernels.stopping import is_set
from engine.limits import MOST_TEXT_BYTES

LISTS = ("sequence", "past", "present", "future", "matches", "missing", "extras", "deviations")
"""The lists that `write_members` writes for each member. deviations: the symbols of missing, those of extras, and those
of the state that match another spelling; only if the lists are by position."""
SEQUENCE, PAST, PRESENT, FUTURE, MATCHES, MISSING, EXTRAS, DEVIATIONS = range(len(LISTS))

COMMA, OPENING, CLOSING = b",[]"


class Written(NamedTuple):
    """Lists without their brackets: list n of member or row k is data[starts[n, k] : ends[n, k]].

    too_large: whether they may take more than MOST_TEXT_BYTES. Then nothing is written.
    """

    data: Bytes
    starts: Ints
    ends: Ints
    too_large: bool


class Taken(NamedTuple):
    """By position, what member m matches: positions[starts[m] : starts[m + 1]] of its pattern are not missing.

    respelled[respelled_starts[m] : respelled_starts[m + 1]]: the state places that match another spelling.
    active: whether missing and extras are by position. Otherwise missing are symbols of present that are nowhere in the
    matches, and extras are symbols of the state that are nowhere in present (engine.md 5.5).
    """

    active: bool
    starts: Ints
    positions: Ints
    respelled_starts: Ints
    respelled: Ints


@compiled
def write_members(
    columns: Columns,
    members: Members,
    chosen: Ints,
    taken: Taken,
    state: State,
    symbols: Json,
    observed: Json,
    stop: Flags,
) -> Written:
    """The `LISTS` of each chosen member.

    symbols: JSON by token. observed: JSON by place in the state. stop: the flag of a `Stop`.
    """
    column_starts, event_starts = columns.starts, columns.event_starts
    tokens, ends_of_events = columns.tokens, columns.ends
    rows, presents, futures, lows, highs = members.rows, members.present, members.future, members.low, members.high
    match_starts, match_places = members.match_starts, members.match_places
    texts, text_starts = symbols.data, symbols.starts
    observed_texts, observed_starts = observed.data, observed.starts
    state_tokens, state_places, stm_ends = state.tokens, np.arange(state.size), state.ends
    by_position, taken_starts, positions = taken.active, taken.starts, taken.positions
    respelled_starts, respelled = taken.respelled_starts, taken.respelled
    starts, ends = np.empty((2, len(LISTS), chosen.shape[0]), dtype=np.int64)
    times = 3 if by_position else 2  # as often a symbol may be written
    room = chosen.shape[0] * times * room_for(state_places, 0, state.size, stm_ends.shape[0], observed_starts)
    longest = 0
    for m in chosen:
        longest = max(longest, column_starts[rows[m] + 1] - column_starts[rows[m]])
        room += times * room_for_row(columns, rows[m], text_starts)
    marks = np.zeros(text_starts.shape[0] + state.size, dtype=np.bool_)
    none, left_out = np.zeros((2, max(longest, state.size)), dtype=np.bool_)
    observed_left_out = np.zeros(state.size, dtype=np.bool_)
    too_large = room > MOST_TEXT_BYTES
    data, at = np.empty(0 if too_large else room, dtype=np.uint8), 0
    for k in range(chosen.shape[0]):
        if too_large or is_set(stop):
            break
        m = chosen[k]
        row, present, future = rows[m], presents[m], futures[m]
        start, events = column_starts[row], event_starts[row]
        matches = match_places[match_starts[m] : match_starts[m + 1]]

        # Past, present and future are parts of the text of the sequence.
        bounds = (0, present, future, event_starts[row + 1] - events)
        starts[SEQUENCE, k] = first = at
        for part in range(3):
            low, high = bounds[part], bounds[part + 1]
            at = separate(first, data, at) if low < high else at
            starts[PAST + part, k] = at
            at = put_events(tokens, start, ends_of_events, events, low, high, none, texts, text_starts, data, at)
            ends[PAST + part, k] = at
        ends[SEQUENCE, k] = at

        starts[MATCHES, k] = at
        at = add_list(matches, 0, 0, matches.shape[0], none, observed_texts, observed_starts, data, at, at)
        ends[MATCHES, k] = at

        low, high = lows[m] - start, highs[m] - start
        if by_position:
            left_out[low:high] = False
            left_out[positions[taken_starts[m] : taken_starts[m + 1]]] = True
            observed_left_out[:] = False
            observed_left_out[matches] = True
        else:
            leave_out_matched(tokens, start, low, high, state_tokens, matches, marks, left_out)
            leave_out_present(tokens, start, low, high, state_tokens, marks, observed_left_out)

        starts[MISSING, k] = at
        at = put_events(tokens, start, ends_of_events, events, present, future, left_out, texts, text_starts, data, at)
        ends[MISSING, k] = at
        starts[EXTRAS, k] = at
        count = stm_ends.shape[0]
        at = put_events(
            state_places, 0, stm_ends, 0, 0, count, observed_left_out, observed_texts, observed_starts, data, at
        )
        ends[EXTRAS, k] = at

        starts[DEVIATIONS, k] = first = at
        if by_position:
            at = add_list(tokens, start, low, high, left_out, texts, text_starts, data, first, at)
            at = add_list(
                state_places, 0, 0, state.size, observed_left_out, observed_texts, observed_starts, data, first, at
            )
            low, high = respelled_starts[m], respelled_starts[m + 1]
            others = respelled[low:high]
            at = add_list(others, 0, 0, high - low, none, observed_texts, observed_starts, data, first, at)
        ends[DEVIATIONS, k] = at
    return Written(data[:at], starts, ends, too_large)


@compiled
def write_futures(columns: Columns, rows: Ints, future: Ints, symbols: Json) -> Written:
    """One list for each row: its events from event number future[k] on. symbols: JSON by token."""
    column_starts, event_starts = columns.starts, columns.event_starts
    tokens, ends_of_events = columns.tokens, columns.ends
    texts, text_starts = symbols.data, symbols.starts
    room, longest = 0, 0
    for row in rows:
        longest = max(longest, column_starts[row + 1] - column_starts[row])
        room += room_for_row(columns, row, text_starts)
    none = np.zeros(longest, dtype=np.bool_)
    too_large = room > MOST_TEXT_BYTES
    data, at = np.empty(0 if too_large else room, dtype=np.uint8), 0
    starts, ends = np.empty((2, 1, rows.shape[0]), dtype=np.int64)
    for k in range(0 if too_large else rows.shape[0]):
        start, events = column_starts[rows[k]], event_starts[rows[k]]
        count = event_starts[rows[k] + 1] - events
        starts[0, k] = at
        at = put_events(tokens, start, ends_of_events, events, future[k], count, none, texts, text_starts, data, at)
        ends[0, k] = at
    return Written(data[:at], starts, ends, too_large)


@inlined
def room_for(symbols: Numbers, start: int, end: int, lists: int, text_starts: Ints) -> int:
    """The most bytes that symbols[start : end] take in `lists` events, with the commas and brackets of all lists."""
    room = 3 * lists + 2
    for i in range(start, end):
        room += text_starts[symbols[i] + 1] - text_starts[symbols[i]] + 1
    return room


@inlined
def room_for_row(columns: Columns, row: int, text_starts: Ints) -> int:
    """`room_for` a whole pattern."""
    events = columns.event_starts[row + 1] - columns.event_starts[row]
    return room_for(columns.tokens, columns.starts[row], columns.starts[row + 1], events, text_starts)


@inlined
def put_events(
    symbols: Numbers,
    start: int,
    ends: Numbers,
    events: int,
    low: int,
    high: int,
    left_out: Flags,
    texts: Bytes,
    text_starts: Ints,
    data: Bytes,
    at: int,
) -> int:
    """Append to what `data` holds up to `at` a list for each event low to high (exclusive); return the new end.

    symbols, ends: those of the pattern or STM begin at `start` and at `events`. A symbol is the number of its text.
    left_out: by place from the start, whether the lists are to omit the symbol.
    """
    first, place = at, event_end(ends, events, low)
    for number in range(low, high):
        end = event_end(ends, events, number + 1)
        at = separate(first, data, at)
        data[at] = OPENING
        at = add_list(symbols, start, place, end, left_out, texts, text_starts, data, at + 1, at + 1)
        data[at] = CLOSING
        at += 1
        place = end
    return at


@inlined
def add_list(
    symbols: Numbers,
    start: int,
    low: int,
    high: int,
    left_out: Flags,
    texts: Bytes,
    text_starts: Ints,
    data: Bytes,
    first: int,
    at: int,
) -> int:
    """Append the texts of symbols low to high (exclusive) to a list that begins at `first`, without brackets.

    symbols: they begin at `start`. left_out: by place from there. Returns the new end.
    """
    for place in range(low, high):
        if not left_out[place]:
            symbol = symbols[start + place]
            at = separate(first, data, at)
            text, text_end = text_starts[symbol], text_starts[symbol + 1]
            copy_bytes(data, at, texts, text, text_end - text)
            at += text_end - text
    return at


@inlined
def separate(first: int, data: Bytes, at: int) -> int:
    """Append a comma, unless nothing was written since `first`; return the new end."""
    data[at] = COMMA
    return at + (at > first)


@inlined
def leave_out_matched(
    tokens: Tokens, start: int, low: int, high: int, state_tokens: Ints, matches: Ints, marks: Flags, left_out: Flags
) -> None:
    """left_out: for each place of present, whether its symbol is in the matches.

    present: the symbols low to high (exclusive) from `start` on. marks: by token, none before and after.
    """
    for place in matches:
        marks[state_tokens[place]] = True
    for place in range(low, high):
        left_out[place] = marks[tokens[start + place]]
    for place in matches:
        marks[state_tokens[place]] = False


@inlined
def leave_out_present(
    tokens: Tokens, start: int, low: int, high: int, state_tokens: Ints, marks: Flags, left_out: Flags
) -> None:
    """left_out: for each place of the state, whether its symbol is in present."""
    for place in range(low, high):
        marks[tokens[start + place]] = True
    for place in range(state_tokens.shape[0]):
        left_out[place] = marks[state_tokens[place]]
    for place in range(low, high):
        marks[tokens[start + place]] = False
