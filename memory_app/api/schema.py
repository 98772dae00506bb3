"""Pieces of the OpenAPI document that the endpoints of nodes share."""

from drf_spectacular.utils import OpenApiExample

from foundation.http.error_shapes import Error
from foundation.http.schema import response

NDJSON = "application/x-ndjson"
NODE_FILE = OpenApiExample(
    "example",
    '{"kato":"node","version":1,"node_id":"kitchen"}\n'
    '{"events":[["kettle","on"],["boil"]],"frequency":2,"emotives":[{"joy":0.5}],"metadata":{"by":["me"]},'
    '"felt":{"joy":"1.0"}}\n'
    '{"symbol":"kettle","affinity":{"joy":1.0}}\n'
    '{"retired":"6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de","purged":true}\n'
    '{"end":true,"patterns":1,"affinities":1,"retirements":1}\n',
)

PATTERN_UNKNOWN = response(
    Error,
    "The node has no such pattern, or there is no such node.",
    {"detail": "Pattern 6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de not found"},
)
NODE_UNKNOWN = response(
    Error,
    "No node with this id has learned or retired anything.",
    {"detail": "Node 'kitchen' has learned nothing here; ids are exact"},
)
