"""What indexes show, and where their files are, in tests of them."""

from typing import Any

import numpy as np
import pytest

from engine.view import View
from memory_app import building, content
from memory_app.index_files.folder import IndexFolder
from memory_app.node_index import NodeIndex


def shown(view: View) -> dict[str, Any]:
    """What a view shows, whatever its order of rows and symbols."""
    rows = np.flatnonzero(view.columns.frequency)  # the others were purged
    return {
        "patterns": dict(zip(view.hex_names(rows), view.columns.frequency[rows].tolist(), strict=True)),
        "symbols": view.symbol_statistics(),
        "total": view.total_symbols,
        "retired": sorted(view.hex_names(view.retired)),
    }


def read_from_the_table(node: str, patch: pytest.MonkeyPatch) -> View:
    """The view of an index that no file had a part in."""
    with patch.context() as patched:
        patched.setattr(content, "SMALLEST_FILE", 10**9)
        patched.setattr(content.Content, "of_file", lambda *_: None)
        return NodeIndex(node).follow().view


def use_folder(patch: pytest.MonkeyPatch, used: IndexFolder) -> None:
    patch.setattr(content, "folder", used)
    patch.setattr(building, "folder", used)
