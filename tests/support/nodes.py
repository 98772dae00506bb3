"""Routes of nodes."""

from urllib.parse import quote


def node_path(node_id: str, *parts: str) -> str:
    """`/nodes/{id}/…` of any id; each part may have any characters, too."""
    return "/".join(["/nodes", quote(node_id, safe=""), *(quote(part, safe="") for part in parts)])
