"""The types of arguments that name nodes and patterns, for argparse."""

import argparse

from pydantic import TypeAdapter, ValidationError

from foundation.terminal.arguments import utf8
from memory_app.node_ids import NodeId
from memory_app.pattern_ids import name_in

_NODE = TypeAdapter(NodeId)


def node_id(text: str) -> str:
    """Raises ArgumentTypeError."""
    try:
        return _NODE.validate_python(utf8(text))
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None


def pattern_id(text: str) -> str:
    """The bare name. Raises ArgumentTypeError."""
    name = name_in(text)
    if name is None:
        raise argparse.ArgumentTypeError("a pattern id is 40 lowercase hexadecimal digits, after an optional PTRN|")
    return name
