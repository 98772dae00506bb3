"""Why a request about the memory of a node is refused."""

from typing import Any

from engine.named_vectors import NamedVector
from foundation.errors import InvalidRequest, Refusal, Unavailable


class NodeUnknown(Refusal):
    """No node with this id has ever learned anything here."""

    status = 404

    def __init__(self, node_id: str) -> None:
        super().__init__(f"Node {node_id!r} has learned nothing here; ids are exact")


class PredictionTimedOut(Unavailable):
    """A prediction, or `what` else needs the index, took too long. The part of the index that was built is kept."""

    def __init__(self, seconds: float, what: str = "The prediction") -> None:
        super().__init__(
            f"{what} was stopped after {seconds:g} s (KATO_PREDICTION_TIMEOUT_SECONDS); nothing was changed"
        )


class PredictionRefused(InvalidRequest):
    """A prediction would take too much memory. `setting`: the one of the session that can make it smaller."""

    def __init__(self, setting: str, reason: str) -> None:
        message = f"The prediction would take too much memory: {reason}. Change {setting}"
        super().__init__([{"type": "prediction_too_large", "loc": ["config", setting], "msg": message, "input": None}])


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
