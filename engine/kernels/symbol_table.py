"""Finding the tokens of symbols: an open-addressing table of tokens, -1 for an empty slot.

The hash is SipHash-1-3 of a symbol's UTF-8 under a key that nobody outside knows: clients choose symbols, and must not
be able to choose some that all belong into one place.
"""

import numpy as np

from engine.arrays import Bytes, Ints, Masks, Slots
from engine.kernels.compiler import compiled, inlined


@inlined
def _turned(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@inlined
def keyed_hash(data: Bytes, start: int, end: int, key: Masks) -> np.uint64:
    """SipHash-1-3 of data[start : end]."""
    v0, v1 = key[0] ^ np.uint64(0x736F6D6570736575), key[1] ^ np.uint64(0x646F72616E646F6D)
    v2, v3 = key[0] ^ np.uint64(0x6C7967656E657261), key[1] ^ np.uint64(0x7465646279746573)
    whole_words = (end - start) // 8
    for number in range(whole_words + 4):
        word = np.uint64(0)
        if number <= whole_words:
            first = start + 8 * number
            for i in range(first, min(first + 8, end)):
                word |= np.uint64(data[i]) << np.uint64(8 * (i - first))
        if number == whole_words:
            word |= np.uint64((end - start) & 0xFF) << np.uint64(56)
        elif number == whole_words + 1:
            v2 ^= np.uint64(0xFF)
        v3 ^= word
        v0 += v1
        v2 += v3
        v1 = _turned(v1, 13) ^ v0
        v3 = _turned(v3, 16) ^ v2
        v0 = _turned(v0, 32)
        v2 += v1
        v0 += v3
        v1 = _turned(v1, 17) ^ v2
        v3 = _turned(v3, 21) ^ v0
        v2 = _turned(v2, 32)
        v0 ^= word
    return np.uint64(v0 ^ v1 ^ v2 ^ v3)


@inlined
def find_place(
    data: Bytes, start: int, end: int, count: int, utf8: Bytes, starts: Ints, slots: Slots, key: Masks
) -> int:
    """The slot that holds the token of the symbol data[start : end], or the empty one where it belongs.

    count: look only at symbols below this token. A thread that adds symbols meanwhile puts them behind all of these.
    """
    last = slots.shape[0] - 1
    slot = np.int64(keyed_hash(data, start, end, key) & np.uint64(last))
    while slots[slot] >= 0:
        token = slots[slot]
        if token < count and starts[token + 1] - starts[token] == end - start:
            there, place = starts[token], start
            while place < end and utf8[there] == data[place]:
                there, place = there + 1, place + 1
            if place == end:
                break
        slot = (slot + 1) & last
    return int(slot)


@compiled
def find_tokens(wanted: Bytes, count: int, utf8: Bytes, starts: Ints, slots: Slots, key: Masks) -> Ints:
    """By wanted symbol, its token, -1 if there is none. wanted: the UTF-8 of `count` symbols, with 0xFF after each."""
    tokens, known = np.empty(count, dtype=np.int64), starts.shape[0] - 1
    first = 0
    for w in range(count):
        end = first
        while wanted[end] != 0xFF:
            end += 1
        token = slots[find_place(wanted, first, end, known, utf8, starts, slots, key)]
        tokens[w] = token if token < known else -1  # another thread may just have entered it into the empty slot
        first = end + 1
    return tokens


@compiled
def enter_tokens(first: int, end: int, utf8: Bytes, starts: Ints, slots: Slots, key: Masks) -> None:
    """Enter the tokens first to end (exclusive). Their symbols must not be in the table yet."""
    for token in range(first, end):
        slots[find_place(utf8, starts[token], starts[token + 1], token, utf8, starts, slots, key)] = token
