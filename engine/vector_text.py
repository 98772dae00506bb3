"""The text that names a vector: what NumPy 2 prints for it with default options (engine.md, appendix A).

It is written here because NumPy takes five times as long, and so that no later NumPy can change the names of stored
vectors. A test compares it with NumPy.
"""

import numpy as np
import numpy.typing as npt

_DECIMALS = 8
_LINE = 74  # characters, without the last element's closing bracket


def printed(vector: npt.NDArray[np.float64]) -> str:
    """The text of at most 1000 finite elements."""
    if not len(vector):
        return "[]"
    texts = _elements(vector)
    per_line = max(1, _LINE // (len(texts[0]) + 1))
    lines = [" ".join(texts[begin : begin + per_line]) for begin in range(0, len(texts), per_line)]
    return "[" + "\n ".join([*(line.rstrip() for line in lines[:-1]), lines[-1]]) + "]"


def _elements(vector: npt.NDArray[np.float64]) -> list[str]:
    """The texts of all elements, which have the same width."""
    values = vector.tolist()
    sizes = np.abs(vector[vector != 0])
    if not len(sizes):
        return _positional(values)
    largest, smallest = float(sizes.max()), float(sizes.min())
    if largest < 1e8 and smallest >= 1e-4 and largest / smallest <= 1000:
        return _positional(values)
    return _scientific(values, exponent_digits=3 if largest >= 1e100 or smallest < 1e-99 else 2)


def _positional(values: list[float]) -> list[str]:
    parts = [_whole_and_fraction(value) for value in values]
    before = max(len(whole) for whole, _ in parts)
    after = max(len(fraction) for _, fraction in parts)
    return [f"{whole:>{before}}.{fraction:<{after}}" for whole, fraction in parts]


def _whole_and_fraction(value: float) -> tuple[str, str]:
    """The digits before and after the point: the fewest decimals that identify the number, at most eight."""
    whole, fraction = repr(value).split(".")
    if len(fraction) > _DECIMALS:
        whole, fraction = f"{value:.{_DECIMALS}f}".split(".")
    return whole, fraction.rstrip("0")


def _scientific(values: list[float], *, exponent_digits: int) -> list[str]:
    # In real data one of the first numbers usually needs all eight decimals, and then no other can need more.
    decimals = next((_DECIMALS for value in values if _decimals(value) == _DECIMALS), None)
    if decimals is None:
        decimals = max(map(_decimals, values))
    texts = [f"{value:.{decimals}e}" for value in values]
    if not decimals:
        texts = [text.replace("e", ".e") for text in texts]
    if exponent_digits == 3:
        texts = [f"{mantissa}e{exponent[0]}{exponent[1:]:0>3}" for mantissa, exponent in (t.split("e") for t in texts)]
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def _decimals(value: float) -> int:
    """The decimals of the mantissa: the fewest that identify the number, at most eight."""
    # Below 1e-300 take the shortest text: subnormal numbers are identified by fewer than nine digits.
    text = repr(value) if 0 < abs(value) < 1e-300 else f"{value:.{_DECIMALS}e}"
    fraction = text.partition("e")[0].partition(".")[2].rstrip("0")
    return min(len(fraction), _DECIMALS)
