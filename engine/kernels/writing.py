"""Writing the lists of symbols in a prediction as JSON: sequence, matches, missing, extras, futures (engine.md 5.5)."""

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

LISTS = ("sequence", "past", "present", "future", "matches", "missing", "extras")
"""The lists that `write_members` writes for each member."""
SEQUENCE, PAST, PRESENT, FUTURE, MATCHES, MISSING, EXTRAS = range(len(LISTS))

COMMA, OPENING, CLOSING = b",[]"


class Written(NamedTuple):
    """Lists without their brackets: list n of member or row k is data[starts[n, k] : ends[n, k]].

    too_large: whether they may take more than MOST_TEXT_BYTES. Then nothing is written.
    """

    data: Bytes
    starts: Ints
    ends: Ints
    too_large: bool


@compiled
def write_members(
    columns: Columns,
    members: Members,
    chosen: Ints,
    state: State,
    stm_ends: Ints,
    symbols: Json,
    observed: Json,
    stop: Flags,
) -> Written:
    """The `LISTS` of each chosen member.

    stm_ends: the ends of the STM's events, in symbols. symbols: JSON by token. observed: JSON by place in the state.
    stop: the flag of a `Stop`.
    """
    column_starts, event_starts = columns.starts, columns.event_starts
    tokens, ends_of_events = columns.tokens, columns.ends
    rows, presents, futures, lows, highs = members.rows, members.present, members.future, members.low, members.high
    match_starts, match_places = members.match_starts, members.match_places
    texts, text_starts = symbols.data, symbols.starts
    observed_texts, observed_starts = observed.data, observed.starts
    state_tokens, state_places = state.tokens, np.arange(state.size)
    marks, observed_marks = np.zeros(text_starts.shape[0] + state.size, np.bool_), np.zeros(state.size, np.bool_)
    starts, ends = np.empty((2, len(LISTS), chosen.shape[0]), dtype=np.int64)
    room = chosen.shape[0] * 2 * room_for(state_places, 0, state.size, stm_ends.shape[0], observed_starts)
    for m in chosen:
        room += 2 * room_for_row(columns, rows[m], text_starts)
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
            at = put_events(tokens, start, ends_of_events, events, low, high, marks, texts, text_starts, data, at)
            ends[PAST + part, k] = at
        ends[SEQUENCE, k] = at

        starts[MATCHES, k] = at
        at = put_list(matches, 0, matches.shape[0], observed_marks, observed_texts, observed_starts, data, at)
        ends[MATCHES, k] = at

        mark(state_tokens, matches, marks, True)
        starts[MISSING, k] = at
        at = put_events(tokens, start, ends_of_events, events, present, future, marks, texts, text_starts, data, at)
        ends[MISSING, k] = at
        mark(state_tokens, matches, marks, False)

        mark_between(tokens, lows[m], highs[m], marks, True)
        for place in range(state.size):
            observed_marks[place] = marks[state_tokens[place]]
        mark_between(tokens, lows[m], highs[m], marks, False)
        starts[EXTRAS, k] = at
        high = stm_ends.shape[0]
        at = put_events(
            state_places, 0, stm_ends, 0, 0, high, observed_marks, observed_texts, observed_starts, data, at
        )
        ends[EXTRAS, k] = at
        observed_marks[:] = False
    return Written(data[:at], starts, ends, too_large)


@compiled
def write_futures(columns: Columns, rows: Ints, future: Ints, symbols: Json) -> Written:
    """One list for each row: its events from event number future[k] on. symbols: JSON by token."""
    column_starts, event_starts = columns.starts, columns.event_starts
    tokens, ends_of_events = columns.tokens, columns.ends
    texts, text_starts = symbols.data, symbols.starts
    marks = np.zeros(text_starts.shape[0], dtype=np.bool_)
    room = 0
    for row in rows:
        room += room_for_row(columns, row, text_starts)
    too_large = room > MOST_TEXT_BYTES
    data, at = np.empty(0 if too_large else room, dtype=np.uint8), 0
    starts, ends = np.empty((2, 1, rows.shape[0]), dtype=np.int64)
    for k in range(0 if too_large else rows.shape[0]):
        start, events = column_starts[rows[k]], event_starts[rows[k]]
        count = event_starts[rows[k] + 1] - events
        starts[0, k] = at
        at = put_events(tokens, start, ends_of_events, events, future[k], count, marks, texts, text_starts, data, at)
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
    left_out: by number of a text, whether the lists are to omit it.
    """
    first, place = at, start + event_end(ends, events, low)
    for number in range(low, high):
        end = start + event_end(ends, events, number + 1)
        at = separate(first, data, at)
        data[at] = OPENING
        at = put_list(symbols, place, end, left_out, texts, text_starts, data, at + 1)
        data[at] = CLOSING
        at += 1
        place = end
    return at


@inlined
def put_list(
    symbols: Numbers, start: int, end: int, left_out: Flags, texts: Bytes, text_starts: Ints, data: Bytes, at: int
) -> int:
    """Append the texts of symbols[start : end], without brackets; return the new end."""
    first = at
    for i in range(start, end):
        symbol = symbols[i]
        if not left_out[symbol]:
            at = separate(first, data, at)
            low, high = text_starts[symbol], text_starts[symbol + 1]
            copy_bytes(data, at, texts, low, high - low)
            at += high - low
    return at


@inlined
def separate(first: int, data: Bytes, at: int) -> int:
    """Append a comma, unless nothing was written since `first`; return the new end."""
    data[at] = COMMA
    return at + (at > first)


@inlined
def mark(state_tokens: Ints, places: Ints, marks: Flags, value: bool) -> None:
    """Set the marks of the state's symbols at these places. marks: by token."""
    for place in places:
        marks[state_tokens[place]] = value


@inlined
def mark_between(tokens: Tokens, low: int, high: int, marks: Flags, value: bool) -> None:
    """Set the marks of tokens[low : high]. marks: by token."""
    for place in range(low, high):
        marks[tokens[place]] = value
