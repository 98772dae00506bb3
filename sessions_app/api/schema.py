"""Pieces of the OpenAPI document that several endpoints share."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from foundation.contracts import ContractName
from foundation.http.error_shapes import Error
from foundation.http.schema import BODY_TOO_LARGE, INVALID_REQUEST, UNSUPPORTED_ENCODING, response
from memory_app.node_ids import NODE_ID_SCHEMA
from sessions_app import config
from sessions_app.api.query import DEFAULT_LIMIT, DEFAULT_TTL, MAX_LIMIT, MAX_SKIP
from sessions_app.models.jobs import Kind, State
from sessions_app.reads.sessions import CURSOR_PATTERN
from sessions_app.shapes import error_bodies
from sessions_app.shapes.bodies import MAX_TTL

_SESSION = "session-b8313c61f0274a448775756081f0f908-1795329555083"
_MISSING = f"Session {_SESSION} not found or expired"
_INVALID = {"recall_threshold": "Must be a number between 0.0 and 1.0"}

_WRONG_DIMENSION = {
    "error": "VectorDimensionError",
    "message": "Vector dimension mismatch: expected 768, got 384 (VCTR|…); nothing was changed",
    "expected_dimension": 768,
    "actual_dimension": 384,
    "vector_name": "VCTR|9d58821e286eae6a77923d694a12ede7cbeabfbd",
}

_PATTERN = "6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"
_RETIRED = {
    "type": "RetiredPatternError",
    "code": "RETIRED_PATTERN",
    "message": f"Pattern {_PATTERN} is retired on node 'kitchen'; nothing was changed. Un-retire it to learn it again",
    "recoverable": True,
    "context": {"pattern_name": f"PTRN|{_PATTERN}", "node_id": "kitchen"},
}

_ERRORS = {
    400: response(
        error_bodies.InvalidConfiguration,
        "The configuration is invalid. Nothing was changed.",
        {"detail": {"error": "Configuration validation failed", "validation_errors": _INVALID}},
    ),
    404: response(
        error_bodies.SessionNotFound,
        "No such session, or it has expired.",
        {"error": {"code": "SESSION_NOT_FOUND", "message": _MISSING, "session_id": _SESSION}},
    ),
    409: response(
        error_bodies.RetiredPattern,
        "It would learn a pattern that is retired on the node. Nothing was changed: un-retire the pattern and repeat.",
        {"error": _RETIRED},
    ),
    413: BODY_TOO_LARGE,
    415: UNSUPPORTED_ENCODING,
    422: INVALID_REQUEST,
    501: response(
        error_bodies.NoVectors,
        "PostgreSQL has no pgvector, which vectors need. Nothing was changed.",
        {"detail": {"error": "VectorsNotAvailable", "message": "Vectors need PostgreSQL's extension pgvector: …"}},
    ),
}
VECTOR_OF_WRONG_DIMENSION = response(
    error_bodies.WrongVector,
    "A vector has not the dimension of the node's vectors, or of those it came with. Nothing was changed. "
    "In a sequence `observation_index` names the observation.",
    {"detail": _WRONG_DIMENSION},
)
NOTHING_LEARNED = response(
    error_bodies.NothingLearned,
    "The STM is empty; or a vector that waits to be learned has not the dimension of the node's vectors: then the "
    "detail is an object that names it, and clear-stm forgets it. Nothing was changed.",
    {"detail": "Cannot learn from empty STM"},
)
JOB_REFUSED = response(
    error_bodies.RefusedJob,
    "The configuration is invalid; or a vector has not the dimension of the node's vectors, or of those it came with. "
    "There is no job.",
    {"detail": {"error": "Configuration validation failed", "validation_errors": _INVALID}},
)
JOB_NOT_FOUND = response(Error, "No such job, or it finished more than a week ago.", {"detail": "Job j not found"})
JOB_FINISHED = response(Error, "The job is finished, so there is nothing to do.", {"detail": "Job j is done already"})
OTHER_CONTRACT = response(
    Error,
    "The header asks for another contract than that of the session. Nothing was changed.",
    {"detail": "The session follows contract 3.10 since it was created, and X-KATO-Contract asks for 6.3"},
)
E1_NOT_FOUND = response(Error, "No such session, or it has expired.", {"detail": _MISSING})


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error responses of a route. `katoproject/openapi/document.py` adds those that every route can give."""
    return {status: _ERRORS[status] for status in statuses}


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Makes repeats safe: the same request under the same key is performed once and answered the same. "
    "Unique per session, at creation per node; kept for a day.",
)
MODE = OpenApiParameter(
    "mode",
    {"type": "string", "enum": ["sync", "async"], "default": "sync"},
    description="`async`: answer at once with a job that does it in the background.",
)
TTL_SECONDS = OpenApiParameter(
    "ttl_seconds",
    {"type": "integer", "minimum": 1, "maximum": MAX_TTL, "default": DEFAULT_TTL},
    description="The new life, from now.",
)
_PAGE = [
    OpenApiParameter("skip", {"type": "integer", "minimum": 0, "maximum": MAX_SKIP, "default": 0}),
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
]
JOB_FILTERS = [
    *_PAGE,
    OpenApiParameter("state", {"type": "string", "enum": State.values}),
    OpenApiParameter("kind", {"type": "string", "enum": Kind.values}),
    OpenApiParameter("node_id", NODE_ID_SCHEMA, description="Only jobs of this node."),
]
PAGE = [
    *_PAGE,
    OpenApiParameter(
        "after",
        {"type": "string", "pattern": f"^{CURSOR_PATTERN}$"},
        description="`next` of the page before: such a page takes the same time, however far it is from the first.",
    ),
    OpenApiParameter("node_id", NODE_ID_SCHEMA, description="Only sessions of this node."),
]


def config_body(contract: ContractName) -> dict[str, Any]:
    changes = config.RULES[contract].schema_of_changes()
    return {
        "application/json": {
            "anyOf": [
                {"type": "object", "properties": {"config": changes}, "required": ["config"]},
                {**changes, "not": {"required": ["config"]}},
            ],
            "examples": [{"recall_threshold": 0.4}],
        }
    }


CONFIG_BODY = config_body(ContractName.KATO_3_10)
