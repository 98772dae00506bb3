"""Why a request about the memory of a node is refused."""

from typing import Any

from engine.named_vectors import NamedVector
from engine.naming import PATTERN_PREFIX
from foundation.errors import BeyondLimit, InvalidRequest, KatoError, Refusal, Unavailable

_SHOWN = 100  # characters of a name that is none


class NodeUnknown(Refusal):
    """No node with this id has ever learned or retired anything here."""

    status = 404

    def __init__(self, node_id: str) -> None:
        super().__init__(f"Node {node_id!r} has learned nothing here; ids are exact")


class IndexBeingBuilt(Unavailable):
    """The node is large, and no process of this host has read it since the last start."""

    retry_after = 5

    def __init__(self, node_id: str, patterns: int) -> None:
        super().__init__(f"The index of node {node_id!r} is being built: {patterns:,} patterns so far")


class PredictionTimedOut(Unavailable):
    """A prediction, or `what` else needs the index, took too long. The part of the index that was built is kept."""

    known_as = KatoError(504, "TIMEOUT", "TimeoutError")

    def __init__(self, seconds: float, what: str = "The prediction") -> None:
        super().__init__(
            f"{what} was stopped after {seconds:g} s (KATO_PREDICTION_TIMEOUT_SECONDS); nothing was changed"
        )


class PredictionRefused(InvalidRequest):
    """A prediction would take too much memory. `setting`: the one of the session that can make it smaller."""

    known_as = KatoError(507, "RESOURCE_EXHAUSTED", "ResourceExhaustedError")

    def __init__(self, setting: str, reason: str) -> None:
        message = f"The prediction would take too much memory: {reason}. Change {setting}"
        self._setting = setting
        super().__init__([{"type": "prediction_too_large", "loc": ["config", setting], "msg": message, "input": None}])

    @property
    def context(self) -> dict[str, Any]:
        return {"setting": self._setting}


class MalformedPatternName(Refusal):
    """What should name a pattern is no SHA-1 in hexadecimal digits. 3.10 knows no such error: nothing has that name."""

    status = 422
    known_as = KatoError(422, "VALIDATION_ERROR", "ValidationError")

    def __init__(self, given: str) -> None:
        super().__init__(f"{given[:_SHOWN]!r} is not the name of a pattern: 40 hexadecimal digits, in small letters")


class PatternUnknown(Refusal):
    """The node has not learned this pattern."""

    status = 404

    def __init__(self, given: str) -> None:
        super().__init__(f"Pattern {given} not found")


class TooManyAffinities(BeyondLimit):
    """A learn that would add to more pairs of a symbol and an emotive than one request may."""

    def __init__(self, *, limit: int, pairs: int) -> None:
        super().__init__(
            "too_many_affinities",
            ["body"],
            f"A request should learn at most {limit} pairs of a symbol and an emotive (KATO_LIMIT_AFFINITIES), "
            f"not {pairs}; nothing was changed. Learn fewer events or emotives at once, or clear the STM",
            max_pairs=limit,
            actual_pairs=pairs,
        )


class RetiredPattern(Refusal):
    """A learn of a pattern that is retired or purged on its node."""

    status = 409
    known_as = KatoError(409, "RETIRED_PATTERN", "RetiredPatternError")

    def __init__(self, name: str, *, node_id: str) -> None:
        super().__init__(
            f"Pattern {name} is retired on node {node_id!r}; nothing was changed. Un-retire it to learn it again"
        )
        self.name = name
        self.node_id = node_id

    @property
    def context(self) -> dict[str, Any]:
        return {"pattern_name": PATTERN_PREFIX + self.name, "node_id": self.node_id}

    def body(self) -> dict[str, Any]:
        # KATO 3.10 cannot retire; its clients get what those of 6.3 get.
        known = self.known_as
        error = {"type": known.type, "code": known.code, "message": str(self), "recoverable": known.recoverable}
        return {"error": {**error, "context": self.context}}


class TooManyRetired(BeyondLimit):
    """A node would have too many retired names that it has never learned."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            "too_many_retired",
            ["body", "pattern_ids"],
            f"At most {limit} names that a node has never learned should be retired there (KATO_LIMIT_RETIRED); "
            "nothing was changed. Un-retire some of them",
            max_names=limit,
        )


class PatternTooLarge(BeyondLimit):
    """A learn that would make one pattern keep more emotives and metadata than it may."""

    def __init__(self, name: str, *, limit: int, size: int) -> None:
        super().__init__(
            "pattern_too_large",
            ["body"],
            f"The pattern {PATTERN_PREFIX}{name} should keep at most {limit} bytes of emotives and metadata "
            f"(KATO_LIMIT_PATTERN), not {size}; nothing was changed. Clear the STM, or learn with less metadata",
            max_bytes=limit,
            actual_bytes=size,
        )


class TooLargeToShow(BeyondLimit):
    """One thing, which cannot be divided into pages, is larger than a page may be."""

    def __init__(self, what: str, *, parameter: str, limit: int) -> None:
        super().__init__(
            "too_large_to_show",
            ["path", parameter],
            f"{what} take more than {limit} bytes (KATO_LIMIT_PAGE); `manage.py node export` shows them",
            max_bytes=limit,
        )


class NeighboursTakeTooLong(BeyondLimit):
    """The vectors of a request are so many, and those of the node, that their neighbours are not found in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            "neighbours_take_too_long",
            ["body"],
            f"Finding the neighbours of the vectors takes more than {seconds:g} s (KATO_LIMIT_NEIGHBOUR_SECONDS)"
            "; nothing was changed. Send fewer vectors in one request, or mode=async",
            max_seconds=seconds,
        )


class ClientLeft(Refusal):
    """The client of a request has disconnected, so no client waits for the prediction or reads this."""

    status = 400

    def __init__(self) -> None:
        super().__init__("The client went away")


class VectorsNotAvailable(Refusal):
    """PostgreSQL has no pgvector, or had none when `migrate` was last run."""

    status = 501

    def __init__(self) -> None:
        super().__init__(
            "Vectors need PostgreSQL's extension pgvector: install it, then run `manage.py migrate`. "
            "Everything but vectors works without it; nothing was changed"
        )

    @property
    def detail(self) -> dict[str, Any]:
        return {"error": "VectorsNotAvailable", "message": str(self)}


class VectorDimensionError(Refusal):
    """A vector differs in dimension from the vectors it must match: those of its observation, or of its node.

    `observation_index`: the observation of a sequence that it belongs to, where that is known.
    """

    status = 400

    def __init__(self, vector: NamedVector, *, expected: int, observation_index: int | None = None) -> None:
        super().__init__(
            f"Vector dimension mismatch: expected {expected}, got {vector.dimension} ({vector.name}); "
            "nothing was changed"
        )
        self.vector_name = vector.name
        self.expected = expected
        self.actual = vector.dimension
        self.observation_index = observation_index

    @property
    def detail(self) -> dict[str, Any]:
        detail = {
            "error": "VectorDimensionError",
            "message": str(self),
            "expected_dimension": self.expected,
            "actual_dimension": self.actual,
            "vector_name": self.vector_name,
        }
        return detail if self.observation_index is None else {**detail, "observation_index": self.observation_index}
