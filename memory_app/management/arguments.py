"""The types of arguments that name nodes and patterns, for argparse."""

import argparse
import re

from pydantic import TypeAdapter, ValidationError

from engine.naming import bare_name
from foundation.terminal.arguments import utf8
from memory_app.node_ids import NodeId

_NODE = TypeAdapter(NodeId)
_NAME = re.compile("[0-9a-f]{40}")


def node_id(text: str) -> str:
    """Raises ArgumentTypeError."""
    try:
        return _NODE.validate_python(utf8(text))
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from None


def pattern_id(text: str) -> str:
    """The bare name. Raises ArgumentTypeError."""
    name = bare_name(text.strip())
    if not _NAME.fullmatch(name):
        raise argparse.ArgumentTypeError("a pattern id is 40 lowercase hexadecimal digits, after an optional PTRN|")
    return name
