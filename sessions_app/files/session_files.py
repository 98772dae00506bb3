"""Importing sessions from JSON lines (docs/migrating.md), as `inspection.exported` and the Python client write them.

{"kato": "sessions", "version": 1}
{"session_id": "session-…", "node_id": "kitchen", "ttl_seconds": 3600, "metadata": {}, "config": {}, "stm": [["a"]]}
{"end": true, "sessions": 1}
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, model_validator
from pydantic_core import from_json

from engine.named_vectors import NamedVector
from engine.stm import STM_LIMIT
from foundation.contracts import ContractName
from foundation.http.bodies import as_object
from foundation.json_lines import Line, WrongLine, of_a_kind, parsed
from memory_app.node_ids import NodeId
from memory_app.vector_table import LARGEST_NUMBER, MAX_DIMENSION
from sessions_app import config, operations
from sessions_app.errors import InvalidConfiguration
from sessions_app.operations import Restored, SavedSession
from sessions_app.shapes.bodies import MAX_ID_LENGTH, MAX_TTL

BATCH = 100  # sessions in one transaction


class Head(Line):
    kato: Literal["sessions"]
    version: Literal[1]


class NotSaved(Line):
    """The Python client writes this for a session that it could not read."""

    error: str


class End(Line):
    end: Literal[True]
    sessions: int


Events = Annotated[list[Annotated[list[str], Field(min_length=1)]], Field(max_length=STM_LIMIT)]
Emotives = Annotated[list[dict[str, float]], Field(max_length=STM_LIMIT)]
_Element = Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)]
Moment = Annotated[AwareDatetime, Field(strict=False)]  # as text
Vector = Annotated[list[_Element], Field(min_length=1, max_length=MAX_DIMENSION)]


class Percept(Line):
    strings: list[str]
    vectors: list[list[float]]
    metadata: dict[str, Any]


class Session(Line):
    session_id: Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
    node_id: NodeId
    contract: Annotated[ContractName | None, Field(strict=False)] = None
    ttl_seconds: Annotated[int, Field(ge=1, le=MAX_TTL)]
    metadata: dict[str, Any] = {}
    config: dict[str, Any] = {}
    stm: Events = []
    created_at: Moment | None = None
    expires_at: Moment | None = None
    extended_until: Moment | None = None
    time: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    accumulated_emotives: Emotives = []
    accumulated_metadata: Annotated[list[dict[str, Any]], Field(max_length=STM_LIMIT)] = []
    waiting_vectors: list[Vector] = []
    percept: Annotated[Percept | None, BeforeValidator(lambda given: given or None)] = None
    percept_stm: Events | None = None
    percept_emotives: Emotives | None = None

    @cached_property
    def own_config(self) -> dict[str, Any]:
        """The session's own settings; a file without a contract is of KATO 3.10. Raises InvalidConfiguration."""
        changes = config.validate(self.config, contract=self.contract or ContractName.KATO_3_10)
        return {key: value for key, value in changes.items() if value is not None}

    @property
    def observations(self) -> int:
        """Where the file has no `time`: one per event."""
        return len(self.stm) if self.time is None else self.time

    @property
    def last(self) -> Percept | None:
        """Where the file has no `percept`: as if the last event had been observed unchanged."""
        if "percept" not in self.model_fields_set and self.stm:
            return Percept(strings=sorted(self.stm[-1]), vectors=[], metadata={})
        return self.percept

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _ = self.own_config
        if (self.last is None) != (self.observations == 0):
            raise ValueError("percept must be present where time is above 0, and only there")
        for name, seen, held in (
            ("stm", self.percept_stm, self.stm),
            ("emotives", self.percept_emotives, self.accumulated_emotives),
        ):
            shared = min(len(seen or []), len(held))
            if seen is not None and shared and seen[-shared:] != held[-shared:]:
                raise ValueError(f"percept_{name} and what the session holds must end alike")
        return self

    def saved(self, *, renew: bool) -> SavedSession:
        emotives = self.accumulated_emotives
        return SavedSession(
            session_id=self.session_id,
            node_id=self.node_id,
            ttl_seconds=self.ttl_seconds,
            config=self.own_config,
            metadata=self.metadata,
            contract=self.contract,
            time=self.observations,
            created_at=self.created_at,
            expires_at=None if renew else self.expires_at,
            extended_until=None if renew else self.extended_until,
            stm=self.stm,
            emotives=emotives,
            entries=self.accumulated_metadata,
            vectors=_named(self.waiting_vectors) if self.waiting_vectors else [],
            seen=self.stm if self.percept_stm is None else self.percept_stm,
            seen_emotives=emotives if self.percept_emotives is None else self.percept_emotives,
            percept=None if self.last is None else self.last.model_dump(),
        )


def _named(vectors: list[Vector]) -> list[NamedVector]:
    # NumPy: most files hold no vectors, and commands that only list sessions import this module as well.
    import numpy as np

    from engine.vectors import named

    return [named(np.asarray(vector)) for vector in vectors]


_KINDS: dict[str, type[Line]] = {"kato": Head, "node_id": Session, "error": NotSaved, "end": End}


@dataclass(slots=True)
class Content:
    """`complete`: the last line says that the file has all sessions."""

    sessions: int = 0
    complete: bool = False


def check(lines: Iterable[bytes]) -> Content:
    """Check every line of a file. Raises WrongLine."""
    content = Content()
    for number, line in parsed(lines, _line):
        if content.complete:
            raise WrongLine(number, "there are more lines after the last one")
        match line:
            case Session():
                content.sessions += 1
            case End():
                if line.sessions != content.sessions:
                    raise WrongLine(number, f"{line.sessions} sessions were exported, the file has {content.sessions}")
                content.complete = True
    return content


def add(*, lines: Iterable[bytes], renew: bool) -> Iterator[Restored]:
    """Restore the sessions of a checked file, batch by batch; yields the result of each batch after its commit.

    renew: let each session live for its `ttl_seconds` from now, whatever the file says about its end.
    """
    batch: dict[str, SavedSession] = {}
    for _, line in parsed(lines, _line):
        if not isinstance(line, Session):
            continue
        # A repeated id goes into a later batch, where it meets the first one alive.
        if len(batch) == BATCH or line.session_id in batch:
            yield operations.restore(sessions=list(batch.values()))
            batch.clear()
        batch[line.session_id] = line.saved(renew=renew)
    if batch:
        yield operations.restore(sessions=list(batch.values()))


def _line(text: bytes) -> Line:
    value = as_object(from_json(text), ["body"])
    try:
        return of_a_kind(value, _KINDS)
    except InvalidConfiguration as error:
        key, problem = next(iter(error.problems.items()))
        raise ValueError(f"config.{key}: {problem}") from None
