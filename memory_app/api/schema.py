"""Pieces of the OpenAPI document that the endpoints of nodes share."""

from foundation.http.error_shapes import Error
from foundation.http.schema import response

NODE_UNKNOWN = response(
    Error,
    "No node with this id has learned anything.",
    {"detail": "Node 'kitchen' has learned nothing here; ids are exact"},
)
