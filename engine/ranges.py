"""How large the numbers of the engine become. Their sums and ratios then stay finite, so every prediction is JSON."""

import sys

LARGEST = sys.float_info.max

LARGEST_WEIGHT = 1e280
"""w(x) of 5.6.4. Two thousand million of them, divided by the smallest weight, can still be ranked to 12 decimals."""

LARGEST_FREQUENCY = 2**32 - 1
"""Of a pattern. The sums over all patterns of an index, and over their symbols, fit into 64 bits."""


def clamped(value: float) -> float:
    """The finite number nearest to `value`, which may be infinite."""
    return max(-LARGEST, min(value, LARGEST))
