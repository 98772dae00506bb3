"""MinHash signatures of symbol sets (engine.md 5.1)."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha1

import numpy as np
import numpy.typing as npt

from engine.arrays import Hashes

_MERSENNE = np.uint64((1 << 61) - 1)
_LOW_32 = np.uint64((1 << 32) - 1)


@lru_cache(maxsize=256)  # as many as a session may ask for (10 to 256 hashes): drawing them costs more than using them
def permutations(count: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The factors a_k and summands b_k of `count` hash functions, each of shape (count,). Do not write to them."""
    generator = np.random.RandomState(1)
    factors = np.empty(count, dtype=np.uint64)
    summands = np.empty(count, dtype=np.uint64)
    for k in range(count):
        factors[k] = generator.randint(1, _MERSENNE, dtype=np.uint64)
        summands[k] = generator.randint(0, _MERSENNE, dtype=np.uint64)
    factors.flags.writeable = summands.flags.writeable = False
    return factors, summands


def symbol_hash(symbol: str) -> int:
    """The first 4 bytes of the SHA-1 of the symbol, little endian. A lone surrogate counts as its own three bytes."""
    return int.from_bytes(sha1(symbol.encode("utf-8", "surrogatepass")).digest()[:4], "little")


def symbol_hashes(symbols: Iterable[str]) -> Hashes:
    return np.fromiter(map(symbol_hash, symbols), dtype=np.uint32)


def signature_part(hashes: Hashes, count: int, start: int, end: int) -> Hashes:
    """Positions start to end (exclusive) of the signature of each symbol by itself, `count` positions in all.

    Shape (hashes, end − start): ((a_k·h + b_k) mod 2^64 mod (2^61 − 1)) mod 2^32. The signature of a set of symbols is
    the minimum, at each position, over its symbols.
    """
    factors, summands = permutations(count)
    wide = hashes.astype(np.uint64)[:, None]
    return ((wide * factors[start:end] + summands[start:end]) % _MERSENNE & _LOW_32).astype(np.uint32)
