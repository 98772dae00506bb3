"""Reading the JSON of events into tokens and event ends, and numbering the symbols on the way."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arrays import Bytes, Ints, Masks, Slots
from engine.kernels.compiler import compiled, part
from engine.kernels.symbol_table import find_place

DONE, NO_ROOM, INVALID = range(3)


class Read(NamedTuple):
    """How far the text was read: up to `at`, which is `depth` brackets deep; whole patterns, tokens, events.

    first_token, first_event: where those of the pattern begin that is being read.
    symbols: how many the table has now. status: DONE; NO_ROOM: give the table more room and call again; INVALID.
    """

    at: int
    depth: int
    patterns: int
    first_token: int
    tokens: int
    first_event: int
    events: int
    symbols: int
    status: int


class Events(NamedTuple):
    """Patterns one after the other: by pattern, its symbols and its events; all tokens; where the events end."""

    lengths: Ints
    event_counts: Ints
    tokens: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.uint32]


_QUOTE, _COMMA, _OPEN, _BACKSLASH, _CLOSE, _U = b'",[\\]u'
_IS_SPACE = np.isin(np.arange(256), list(b" \t\n\r"))
_DIGITS = np.full(256, -0x10000)
_ESCAPED = np.zeros(256, dtype=np.uint8)
for _characters, _values in ((b"0123456789", range(10)), (b"abcdef", range(10, 16)), (b"ABCDEF", range(10, 16))):
    _DIGITS[list(_characters)] = _values
_ESCAPED[list(b'"\\/bfnrt')] = list(b'"\\/\b\f\n\r\t')


@compiled
def read_events(text: Bytes, before: Read, events: Events, utf8: Bytes, starts: Ints, slots: Slots, key: Masks) -> Read:
    """Read on in `text`, which is valid UTF-8: JSON texts, one for each pattern, with commas between them.

    It writes to the text: a string is there without its escapes once it is read.
    events: room for all. utf8, starts, slots, key: the symbol table, with room behind its end.
    The table gets new symbols even if what has them turns out to be invalid.
    """
    lengths, event_counts, tokens, ends = events
    at, depth, patterns, first_token, token, first_event, event, symbols, _ = before
    after_value, after_comma = False, False
    while at < text.shape[0]:
        c = text[at]
        if c == _QUOTE and depth == 2 and not after_value:
            end = start = at + 1
            while end < text.shape[0] and text[end] != _QUOTE and text[end] != _BACKSLASH and text[end] >= 0x20:
                end += 1
            has_escapes = end < text.shape[0] and text[end] == _BACKSLASH
            at = _end_of_string(text, end) if has_escapes else end
            if at >= text.shape[0] or text[at] != _QUOTE:
                break
            known = starts[symbols]
            is_full = 3 * (symbols + 1) > 2 * slots.shape[0] or symbols + 1 == starts.shape[0]
            if is_full or known + at - start > utf8.shape[0]:
                return Read(start - 1, depth, patterns, first_token, token, first_event, event, symbols, NO_ROOM)
            if has_escapes:
                end = _unescape(text, end, at)
                if end < 0:
                    break
            slot = find_place(text, start, end, symbols, utf8, starts, slots, key)
            if slots[slot] < 0:
                for i in range(start, end):
                    utf8[known + i - start] = text[i]
                starts[symbols + 1] = known + end - start
                slots[slot] = symbols
                symbols += 1
            tokens[token] = slots[slot]
            token, after_value = token + 1, True
        elif c == _COMMA and after_value:
            after_value, after_comma = False, True
            at += 1
            continue
        elif c == _OPEN and not after_value and depth < 2 and patterns < lengths.shape[0]:
            if depth == 0:
                first_token, first_event = token, event
            depth += 1
        elif c == _CLOSE and depth > 0 and not after_comma:
            depth, after_value = depth - 1, True
            if depth == 1:
                ends[event] = token - first_token
                event += 1
            else:
                lengths[patterns], event_counts[patterns] = token - first_token, event - first_event
                patterns += 1
        elif not _IS_SPACE[c]:
            break
        after_comma &= bool(_IS_SPACE[c])
        at += 1
    is_whole = at == text.shape[0] and depth == 0 and not after_comma and patterns == lengths.shape[0]
    status = DONE if is_whole else INVALID
    return Read(at, depth, patterns, first_token, token, first_event, event, symbols, status)


@part
def _end_of_string(text: Bytes, at: int) -> int:
    """The place of the quote that ends the string which goes on at `at`, of the end of the text if there is none."""
    while at < text.shape[0] and text[at] != _QUOTE:
        at += 2 if text[at] == _BACKSLASH else 1
    return int(at)


@part
def _unescape(text: Bytes, at: int, end: int) -> int:
    """Write text[at : end], the rest of a string, without escapes; return its new end, -1 if it is invalid."""
    place = at
    while at < end:
        c = text[at + 1]
        if text[at] < 0x20:
            return -1
        if text[at] != _BACKSLASH:
            text[place] = text[at]
            at, place = at + 1, place + 1
        elif c == _U:
            code_point, size = _hexadecimal(text, at + 2, end), 6
            if 0xD800 <= code_point < 0xDC00 and text[at + 6] == _BACKSLASH and text[at + 7] == _U:
                low = _hexadecimal(text, at + 8, end) - 0xDC00
                if 0 <= low < 0x400:
                    code_point, size = 0x10000 + ((code_point - 0xD800) << 10) + low, 12
            if code_point < 0 or 0xD800 <= code_point < 0xE000:
                return -1
            at, place = at + size, _write_code_point(code_point, text, place)
        elif _ESCAPED[c] > 0:
            text[place] = _ESCAPED[c]
            at, place = at + 2, place + 1
        else:
            return -1
    return int(place)


@part
def _hexadecimal(text: Bytes, at: int, end: int) -> int:
    """The number of the four digits text[at : at + 4], negative if they are none."""
    if at + 4 > end:
        return -1
    number = 0
    for i in range(at, at + 4):
        number = number * 16 + _DIGITS[text[i]]
    return int(number)


@part
def _write_code_point(code_point: int, utf8: Bytes, place: int) -> int:
    """Write it to utf8[place:]; return the place after it."""
    more = 0 if code_point < 0x80 else 1 if code_point < 0x800 else 2 if code_point < 0x10000 else 3
    leading = code_point >> 6 * more
    utf8[place] = leading if more == 0 else leading | 0xFF00 >> (more + 1) & 0xFF
    for i in range(1, more + 1):
        utf8[place + i] = 0x80 | code_point >> 6 * (more - i) & 0x3F
    return place + more + 1
