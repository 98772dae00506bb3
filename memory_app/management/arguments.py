"""The type of arguments that name nodes, for argparse."""

import argparse

from pydantic import TypeAdapter, ValidationError

from foundation.terminal.arguments import utf8
from memory_app.node_ids import NodeId

_NODE = TypeAdapter(NodeId)


def node_id(text: str) -> str:
    """Raises ArgumentTypeError."""
    try:
        return _NODE.validate_python(utf8(text))
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None
