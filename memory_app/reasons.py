"""Why an operator or a program acts on patterns, in words: kept with who did it and when."""

from typing import Annotated

from pydantic import Field

MAX_LENGTH = 1000  # characters

Why = Annotated[str, Field(max_length=MAX_LENGTH)]
