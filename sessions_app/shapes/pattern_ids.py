"""Names of patterns in requests: 40 lowercase hexadecimal digits, with or without `PTRN|`."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from memory_app.pattern_ids import PATTERN_ID, name_in

MOST_PATTERN_IDS = 1000
_SHOWN = 5  # of the wrong ones
_LONGEST_SHOWN = 60  # characters


# Checked by `_checked`, which takes white space around them as well and tells all wrong ones at once.
_PatternId = Annotated[str, WithJsonSchema({"type": "string", "pattern": PATTERN_ID})]


def _checked(given: list[str]) -> list[str]:
    wrong = [one for one in given if name_in(one) is None]
    if wrong:
        raise PydanticCustomError(
            "invalid_pattern_ids",
            "Pattern ids should be 40 lowercase hexadecimal digits, after an optional PTRN|; {number} are not: {first}",
            {"number": len(wrong), "first": ", ".join(repr(one[:_LONGEST_SHOWN]) for one in wrong[:_SHOWN])},
        )
    return given


def names_of(given: Iterable[str]) -> list[str]:
    """The bare names in checked ids, each once, in their order."""
    return list(dict.fromkeys(name for one in given if (name := name_in(one)) is not None))


PatternIds = Annotated[list[_PatternId], Field(min_length=1, max_length=MOST_PATTERN_IDS), AfterValidator(_checked)]
