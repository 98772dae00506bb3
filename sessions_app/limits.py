"""What one request may carry, as types that validate it and describe it in the OpenAPI document (http.md 0.6).

`LARGEST_SESSION` is what the requests on one session may add up to.

What was stored before under other limits stays readable: responses have no limits, and neither have files of sessions.
"""

from typing import Annotated, Any

from django.conf import settings
from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError, to_json

from memory_app.vector_table import LARGEST_NUMBER, MAX_DIMENSION

LARGEST_BATCH: int = settings.ENV.max_request_size
LARGEST_OBSERVATION: int = settings.ENV.limit_observation
MAX_METADATA: int = settings.ENV.limit_metadata
LARGEST_CREATION = 64 * 1024 + 6 * MAX_METADATA  # a character may be written as \\u and four digits
MAX_TEXT: int = settings.ENV.limit_text
MOST_SYMBOLS: int = settings.ENV.limit_symbols
MOST_EMOTIVES: int = settings.ENV.limit_emotives
MAX_VECTORS: int = settings.ENV.limit_vectors
MAX_EVENTS: int = settings.ENV.limit_events
MAX_LEARNED: int = settings.ENV.limit_values
MOST_CHARACTERS_LEARNED = settings.ENV.limit_session + LARGEST_BATCH  # what a session and a body may hold, once
MOST_TRAINED = 4 * MAX_LEARNED
MOST_AFFINITIES: int = settings.ENV.limit_affinities
MAX_TRAINING: int = settings.ENV.limit_training
LARGEST_SESSION: int = settings.ENV.limit_session


def _bounded(metadata: dict[str, Any]) -> dict[str, Any]:
    size = len(to_json(metadata)) if metadata else 0
    if size > MAX_METADATA:
        raise PydanticCustomError(
            "metadata_too_long",
            "Metadata should have at most {max_length} bytes of JSON, not {actual_length}",
            {"max_length": MAX_METADATA, "actual_length": size},
        )
    return metadata


Text = Annotated[str, Field(max_length=MAX_TEXT)]
Symbols = Annotated[list[Text], Field(max_length=MOST_SYMBOLS)]
Emotives = Annotated[dict[Text, float], Field(max_length=MOST_EMOTIVES)]
Metadata = Annotated[dict[str, Any], AfterValidator(_bounded)]

# The bounds apply to the sum of an observation's vectors, so pydantic does not check them here.
_Element = Annotated[float, WithJsonSchema({"type": "number", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER})]
Vector = Annotated[list[_Element], Field(min_length=1, max_length=MAX_DIMENSION)]
Vectors = Annotated[list[Vector], Field(max_length=MAX_VECTORS)]
