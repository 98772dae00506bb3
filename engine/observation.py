"""The event and the current emotives that an observation leads to (engine.md 2.2, 2.4)."""

from collections.abc import Iterable, Mapping
from math import fsum, isfinite

from engine.ranges import clamped


def make_event(strings: list[str], *, sort_symbols: bool, vector_symbols: Iterable[str] = ()) -> list[str]:
    """The event that observing `strings` appends to the STM; if it is an empty list, nothing is appended.

    Vector symbols, sorted among themselves, come before the strings. Sorting is by Unicode code point, without locale
    or normalisation. `[""]` is an event, `[]` is not (2.2).
    """
    return sorted(vector_symbols) + (sorted(strings) if sort_symbols else list(strings))


def mean_emotives(accumulated: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The current emotives: by name, the mean over all accumulated maps that contain it (2.4).

    Sums run from the oldest map on, and names are in order of first appearance, so that the result is the same to the
    last bit everywhere.
    """
    accumulated = list(accumulated)
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for emotives in accumulated:
        for name, value in emotives.items():
            sums[name] = sums.get(name, 0.0) + value
            counts[name] = counts.get(name, 0) + 1
    return {
        name: sums[name] / counts[name]
        if isfinite(sums[name])
        else _mean_of_huge([emotives[name] for emotives in accumulated if name in emotives])
        for name in sums
    }


def _mean_of_huge(values: list[float]) -> float:
    """The mean of numbers whose sum overflows. It adds halves, because shares that were rounded up overflow as well."""
    return clamped(2 * fsum(value / 2 / len(values) for value in values))
