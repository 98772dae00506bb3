"""Numbers of affinities in files.

An affinity is a sum of doubles, kept exactly; no double may be equal to it. An export has all its digits. Other
programs write the double that is nearest to it, in as few digits as name that double.
"""

import math
import re
from decimal import Decimal

# Of ten. A double is below 1.8e308, and so are many of them together; it has at most 1074 digits behind the point.
_LARGEST, _SMALLEST = 328, -1074
_PLAIN = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,1100})?")


def exact(text: str) -> Decimal:
    """The sum of doubles that a JSON number stands for. Raises ValueError."""
    # Not with an exponent, which may be beyond those of decimals, too.
    if "e" not in text.lower() and _is_exact(number := Decimal(text)):
        return number
    if not math.isfinite(double := float(text)):
        raise ValueError("a number is larger than the largest double")
    return Decimal(double)


def exact_of_text(value: object) -> Decimal:
    """The same for a number that is written as a text, without an exponent. Raises ValueError."""
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        raise ValueError("Input should be a number as a text, without an exponent")
    return exact(value)


def _is_exact(number: Decimal) -> bool:
    """Whether it is a sum of doubles: only halves, quarters, and so on, add up to it; no tenth does."""
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if number.adjusted() > _LARGEST or exponent < _SMALLEST:
        return False
    _, denominator = number.as_integer_ratio()
    return denominator & (denominator - 1) == 0
