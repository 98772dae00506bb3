"""Similarity in code points (engine.md 5.2 character mode, 5.4 fuzzy symbols), bit-parallel over one of the texts."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import Floats, Ints, Masks, Tokens, compiled
from engine.kernels.bits import bit_count

CodePoints = npt.NDArray[np.uint32]
SPACE = 32


class Texts(NamedTuple):
    """The symbols' code points: those of a token from starts[token] to starts[token + 1]."""

    code_points: CodePoints
    starts: Ints


class Needle(NamedTuple):
    """A text to be compared with many: `size` code points.

    number: by code point, 1 + the row of `masks` that holds its places in the text, 0 for none. word: scratch.
    """

    size: int
    number: npt.NDArray[np.int32]
    masks: Masks
    word: Masks


def needle(text: str) -> Needle:
    """`text`, encoded. The table by code point is allocated lazily by the system: only touched pages cost."""
    distinct = {character: number for number, character in enumerate(dict.fromkeys(text))}
    number = np.zeros(0x110000, dtype=np.int32)
    masks = np.zeros((len(distinct), len(text) // 64 + 1), dtype=np.uint64)
    for character, row in distinct.items():
        number[ord(character)] = row + 1
    for place, character in enumerate(text):
        masks[distinct[character], place // 64] |= np.uint64(1 << place % 64)
    return Needle(len(text), number, masks, np.empty(masks.shape[1], dtype=np.uint64))


NO_NEEDLE = Needle(0, np.zeros(0, dtype=np.int32), np.zeros((0, 0), dtype=np.uint64), np.zeros(0, dtype=np.uint64))


@compiled
def restart(text: Needle) -> None:
    for w in range(text.word.shape[0]):
        text.word[w] = np.uint64(0xFFFFFFFFFFFFFFFF)


@compiled
def advance(text: Needle, code_point: int) -> None:
    """One more code point of the other text."""
    row = text.number[code_point] - 1
    if row < 0:
        return
    carry = np.uint64(0)
    for w in range(text.word.shape[0]):
        word = text.word[w]
        common = word & text.masks[row, w]
        total = word + common
        overflow = np.uint64(total < word)
        total += carry
        overflow |= np.uint64(total < carry)
        text.word[w] = total | (word - common)
        carry = overflow


@compiled
def common_code_points(text: Needle) -> int:
    """l: the longest common subsequence so far. Places beyond the text are never cleared."""
    cleared = 0
    for w in range(text.word.shape[0]):
        cleared += 64 - bit_count(text.word[w])
    return cleared


@compiled
def character_ratio(common: int, length: int) -> float:
    """1 − (t − 2l)/t for texts of t code points together; 1 if there are none."""
    return 1.0 - (length - 2 * common) / length if length > 0 else 1.0


@compiled
def symbol_ratio(text: Needle, texts: Texts, token: int) -> float:
    """r of 5.4 of the needle and a symbol."""
    restart(text)
    for i in range(texts.starts[token], texts.starts[token + 1]):
        advance(text, texts.code_points[i])
    length = text.size + texts.starts[token + 1] - texts.starts[token]
    return character_ratio(common_code_points(text), length)


@compiled
def similar_symbols(text: Needle, texts: Texts, count: int, threshold: float) -> tuple[Ints, Floats]:
    """The tokens below `count` whose ratio to the needle reaches the fuzzy threshold (5.4), ascending; their ratios."""
    tokens, ratios = np.empty(count, dtype=np.int64), np.empty(count)
    size = 0
    for token in range(count):
        other = texts.starts[token + 1] - texts.starts[token]
        if character_ratio(min(text.size, other), text.size + other) * 100 < threshold * 100:
            continue
        tokens[size], ratios[size] = token, symbol_ratio(text, texts, token)
        size += ratios[size] * 100 >= threshold * 100
    return tokens[:size].copy(), ratios[:size].copy()


@compiled
def joined_similarity(text: Needle, texts: Texts, tokens: Tokens, start: int, end: int) -> float:
    """Similarity of 5.2 in character mode of the needle (the joined state) and the joined pattern start to end."""
    restart(text)
    length = end - start - 1
    for i in range(start, end):
        if i > start:
            advance(text, SPACE)
        token = tokens[i]
        length += texts.starts[token + 1] - texts.starts[token]
        for c in range(texts.starts[token], texts.starts[token + 1]):
            advance(text, texts.code_points[c])
    return character_ratio(common_code_points(text), text.size + length) * 100 / 100
