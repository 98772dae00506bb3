"""The id of a node in a path: any text, percent-encoded, so `%2F` stands for a slash in it."""

from django.urls import register_converter
from django.urls.converters import StringConverter
from drf_spectacular.utils import OpenApiParameter
from pydantic import TypeAdapter

from foundation import callers, logs
from foundation.http.bodies import parse_path
from memory_app.node_ids import NODE_ID_SCHEMA, NodeId

_NODE_ID: TypeAdapter[str] = TypeAdapter(NodeId)

NODE_IN_PATH = OpenApiParameter(
    "node_id",
    NODE_ID_SCHEMA,
    OpenApiParameter.PATH,
    description="The exact id of the node, percent-encoded.",
)


class NodeIdConverter(StringConverter):
    """Also takes slashes, line ends, and nothing at all; the last `/patterns` or the like of a path is the route's."""

    regex = "(?s:.*)"


register_converter(NodeIdConverter, "node")


def admit_node(node_id: str) -> None:
    """Check the id in the path, and that the caller may use this node. Raises InvalidRequest and ForeignNode."""
    parse_path("node_id", node_id, _NODE_ID)
    logs.about(node_id=node_id)
    callers.current().require_node(node_id)
