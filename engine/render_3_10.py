"""The prediction objects of KATO 3.10 (engine.md 5.10)."""

import numpy as np

from engine.facts import Facts
from engine.kernels.writing import Taken
from engine.prediction_json import PREDICTION, shared_cells

ONE_SYMBOL_PREDICTION = (*PREDICTION, "pattern_data", "length")
"""The fields of predictions for a one-symbol state (D13)."""

_NONE = np.zeros(0, dtype=np.int64)
_BY_VALUE = Taken(False, _NONE, _NONE, _NONE, _NONE)


def render(facts: Facts) -> bytes:
    """A JSON array; anomalies are the fuzzy matches (D16). Raises PredictionTooLarge."""
    objects, cells = shared_cells(facts, _BY_VALUE)
    cells["anomalies"] = cells["fuzzy_matches"]
    cells["pattern_data"] = cells["sequence"]
    order = ONE_SYMBOL_PREDICTION if facts.query.state.size == 1 else PREDICTION
    return objects.join({field: cells[field] for field in order})
