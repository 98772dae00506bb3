"""Names of patterns as people and clients send them."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from engine.naming import bare_name

NAME = re.compile("[0-9a-f]{40}")
"""A bare name."""
# For JSON schemas, whose patterns find a part unless they say otherwise.
PATTERN_ID = r"^(PTRN\|)?[0-9a-f]{40}$"
NAME_SCHEMA = {"type": "string", "pattern": PATTERN_ID}


def name_in(text: str) -> str | None:
    """The bare name in `text`, which may begin with `PTRN|` and have white space around it; None if it is none."""
    name = bare_name(text.strip())
    return name if NAME.fullmatch(name) else None


def _checked(text: str) -> str:
    name = name_in(text)
    if name is None:
        raise PydanticCustomError(
            "pattern_name", "Input should be a name: 40 digits 0-9 and a-f, `PTRN|` before them or not"
        )
    return name


PatternName = Annotated[str, AfterValidator(_checked)]
"""The bare name in a text, as by `name_in`."""
