"""Arithmetic whose result is the same to the last bit on every interpreter."""

from collections.abc import Iterable


def total(values: Iterable[float]) -> float:
    """The sum from left to right. (The built-in `sum` corrects rounding errors from Python 3.12 on.)"""
    result = 0.0
    for value in values:
        result += value
    return result


def rounded(value: float) -> int:
    """`value` to 12 decimals, in units of the last one. Everything is ordered by such numbers (D01)."""
    return round(value * 1e12)
