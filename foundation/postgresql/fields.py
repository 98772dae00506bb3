"""Column types that Django does not have."""

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
        # The same type as `text` by another name: for that one Django adds a second index to a key, for LIKE, which the
        # key's own index serves as well with this collation.
        return "character varying"


class TransactionIdField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """A transaction's id that never wraps around: PostgreSQL's `xid8`."""

    def db_type(self, connection: Any) -> str:
        return "xid8"


class ExactNumberField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """A number of any size and precision: sums of it do not depend on the order of the summands."""

    def db_type(self, connection: Any) -> str:
        return "numeric"
