"""What the console shows of nodes and patterns."""

from memory_app.admin import nodes

__all__ = ["nodes"]
