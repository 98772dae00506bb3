"""Column types that Django lacks."""

from typing import Any

import pydantic_core
from django.db import models


class VerbatimJSONField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """JSON kept as the client wrote it: PostgreSQL's `json`.

    `jsonb` would turn 1e20 into 100000000000000000000 and reorder keys, and both matter: learning uses the text form
    of metadata values and the order in which keys appeared (engine.md 4.3).
    """

    def db_type(self, connection: Any) -> str:
        return "json"

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else pydantic_core.to_json(value).decode()


class TextFieldInC(models.TextField):  # type: ignore[type-arg]
    """Text compared byte by byte: cheaper than a locale, and the same order on every machine."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"db_collation": "C", **options})

    def db_type(self, connection: Any) -> str:
        # Another name for the type `text`. For a key of type `text`, Django adds a second index for LIKE; with this
        # collation the index of the key serves LIKE as well.
        return "character varying"


class TransactionIdField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """The id of a transaction, which never wraps around: PostgreSQL's `xid8`."""

    def db_type(self, connection: Any) -> str:
        return "xid8"


class ExactNumberField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """A number of any size and precision, whose sums do not depend on the order of addition: `numeric`."""

    def db_type(self, connection: Any) -> str:
        return "numeric"
