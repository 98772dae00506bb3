"""Similarity of texts by code points (engine.md 5.2 character mode, 5.4 fuzzy symbols), bit-parallel over one text."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.arrays import Flags, Floats, Ints, Masks, Texts, Tokens
from engine.kernels.bits import bit_count
from engine.kernels.compiler import compiled, inlined
from engine.kernels.stopping import is_set
from engine.limits import MOST_CHARACTERS, MOST_MASK_BYTES, PredictionTooLarge

SPACE = 32

LONG = 64
"""Words of a needle above which `advance` takes so long that the flag is looked at before each code point."""


class Needle(NamedTuple):
    """A text of `size` code points, prepared to be compared with many others.

    number: by code point, 1 + the row of `masks` that holds its places in the text, 0 if it is not in the text.
    masks: shape (distinct code points, words of 64 places). word: scratch, shape (words,).
    """

    size: int
    number: npt.NDArray[np.int32]
    masks: Masks
    word: Masks


def needle(text: str) -> Needle:
    """`text`, prepared. The system allocates the table by code point lazily: only pages that are used cost memory.

    Raises PredictionTooLarge.
    """
    distinct = {character: number for number, character in enumerate(dict.fromkeys(text))}
    words = len(text) // 64 + 1
    if len(text) > MOST_CHARACTERS or len(distinct) * words * 8 > MOST_MASK_BYTES:
        raise PredictionTooLarge(
            "use_token_matching", f"the symbols have {len(text)} characters, too many to compare by characters"
        )
    number = np.zeros(0x110000, dtype=np.int32)
    masks = np.zeros((len(distinct), words), dtype=np.uint64)
    for character, row in distinct.items():
        number[ord(character)] = row + 1
    for place, character in enumerate(text):
        masks[distinct[character], place // 64] |= np.uint64(1 << place % 64)
    return Needle(len(text), number, masks, np.empty(masks.shape[1], dtype=np.uint64))


NO_NEEDLE = Needle(0, np.zeros(0, dtype=np.int32), np.zeros((0, 0), dtype=np.uint64), np.zeros(0, dtype=np.uint64))


@inlined
def restart(word: Masks) -> None:
    """Begin to compare the needle with another text."""
    word[:] = np.uint64(0xFFFFFFFFFFFFFFFF)


@inlined
def advance(code_point: int, number: npt.NDArray[np.int32], masks: Masks, word: Masks) -> None:
    """Compare with one more code point of the other text. Each word of 64 places passes its carry to the next."""
    row = number[code_point] - 1
    if row >= 0:
        carry = np.uint64(0)
        for w in range(word.shape[0]):
            common = word[w] & masks[row, w]
            total = word[w] + common
            overflow = total < common
            total += carry
            overflow |= total < carry
            word[w] = total | (word[w] - common)
            carry = np.uint64(overflow)


@inlined
def common_code_points(word: Masks) -> int:
    """l, the length of the longest common subsequence so far. Places beyond the text are never cleared."""
    cleared = 0
    for bits in word:
        cleared += 64 - bit_count(bits)
    return cleared


@inlined
def character_ratio(common: int, length: int) -> float:
    """1 − (t − 2l)/t for two texts that have t code points together; 1 if t is 0."""
    return 1.0 - (length - 2 * common) / length if length > 0 else 1.0


@compiled
def similar_symbols(text: Needle, texts: Texts, count: int, threshold: float, stop: Flags) -> tuple[Ints, Floats]:
    """The tokens below `count` whose ratio to the needle reaches the fuzzy threshold (5.4), ascending; their ratios.

    stop: the flag of a `Stop`.
    """
    size, number, masks, word = text.size, text.number, text.masks, text.word
    code_points, starts = texts.code_points, texts.starts
    tokens, ratios = np.empty(count + 1, dtype=np.int64), np.empty(count + 1)
    found = 0
    for token in range(count):
        other = starts[token + 1] - starts[token]
        if character_ratio(min(size, other), size + other) * 100 < threshold * 100:
            continue
        if is_set(stop):
            break
        restart(word)
        for i in range(starts[token], starts[token + 1]):
            if word.shape[0] > LONG and is_set(stop):
                break
            advance(code_points[i], number, masks, word)
        tokens[found], ratios[found] = token, character_ratio(common_code_points(word), size + other)
        found += ratios[found] * 100 >= threshold * 100
    return tokens[:found].copy(), ratios[:found].copy()


@compiled
def joined_similarity(text: Needle, texts: Texts, tokens: Tokens, start: int, end: int, stop: Flags) -> float:
    """Similarity of 5.2 in character mode, of the joined state (the needle) and the joined tokens[start : end].

    stop: the flag of a `Stop`.
    """
    size, number, masks, word = text.size, text.number, text.masks, text.word
    code_points, starts = texts.code_points, texts.starts
    restart(word)
    length = size + end - start - 1
    for i in range(start, end):
        if is_set(stop):
            break
        if i > start:
            advance(SPACE, number, masks, word)
        low, high = starts[tokens[i]], starts[tokens[i] + 1]
        length += high - low
        for c in range(low, high):
            if word.shape[0] > LONG and is_set(stop):
                break
            advance(code_points[c], number, masks, word)
    return character_ratio(common_code_points(word), length) * 100 / 100
