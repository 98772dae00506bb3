"""MinHash signatures of symbol sets (engine.md 5.1)."""

from collections.abc import Sequence
from hashlib import sha1

import numpy as np
import numpy.typing as npt

_MERSENNE = np.uint64((1 << 61) - 1)
_LOW_32 = np.uint64((1 << 32) - 1)

Hashes = npt.NDArray[np.uint32]


def permutations(count: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The factors a_k and summands b_k of `count` hash functions."""
    generator = np.random.RandomState(1)
    factors = np.empty(count, dtype=np.uint64)
    summands = np.empty(count, dtype=np.uint64)
    for k in range(count):
        factors[k] = generator.randint(1, _MERSENNE, dtype=np.uint64)
        summands[k] = generator.randint(0, _MERSENNE, dtype=np.uint64)
    return factors, summands


def symbol_hash(symbol: str) -> int:
    """The first 4 bytes of the SHA-1 of the symbol, little endian. Lone surrogates hash as their own three bytes."""
    return int.from_bytes(sha1(symbol.encode("utf-8", "surrogatepass")).digest()[:4], "little")


def symbol_signatures(symbols: Sequence[str], count: int) -> Hashes:
    """Shape (symbols, count): ((a_k·h + b_k) mod 2^64 mod (2^61 − 1)) mod 2^32 for every symbol and k.

    The signature of a set of symbols is the minimum of its rows.
    """
    factors, summands = permutations(count)
    hashes = np.array([symbol_hash(symbol) for symbol in symbols], dtype=np.uint64)[:, None]
    return ((hashes * factors + summands) % _MERSENNE & _LOW_32).astype(np.uint32)
