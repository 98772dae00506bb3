"""What the view of an index shows, for comparisons."""

from typing import Any

import numpy as np

from engine.view import View


def shown(view: View) -> dict[str, Any]:
    """Whatever its order of rows and symbols."""
    rows = np.flatnonzero(view.columns.frequency)  # the others were purged
    return {
        "patterns": dict(zip(view.hex_names(rows), view.columns.frequency[rows].tolist(), strict=True)),
        "symbols": view.symbol_statistics(),
        "total": view.total_symbols,
        "retired": sorted(view.hex_names(view.retired)),
    }
