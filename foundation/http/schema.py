"""Pieces of the OpenAPI document that the endpoints of several packages share."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from foundation.http.error_shapes import Error, Problems


def response(shape: Any, description: str, example: dict[str, Any]) -> OpenApiResponse:
    return OpenApiResponse(shape, description, [OpenApiExample("example", example)])


_PROBLEM = {"type": "missing", "loc": ["body", "node_id"], "msg": "Field required", "input": {}}

BODY_TOO_LARGE = response(
    Error,
    "The body is larger than this route takes.",
    {"detail": "Request body too large: at most 65536 bytes are taken here, this one has 70000"},
)
UNSUPPORTED_ENCODING = response(
    Error,
    "The body is not JSON in UTF-8, or it is compressed; `Accept` or `Accept-Encoding` says what is taken.",
    {"detail": "Content-Encoding 'gzip' is not accepted here: send the body as it is"},
)
INVALID_REQUEST = response(
    Problems,
    "The request is not valid; every problem is listed. Nothing was changed.",
    {"detail": [_PROBLEM]},
)
