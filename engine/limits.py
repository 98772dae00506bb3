"""What one prediction may take of memory. Ordinary predictions are far below; time is the caller's (`stopping.py`)."""

MEBI = 1024 * 1024

MOST_CHARACTERS = 4 * MEBI
"""Of a text that others are compared with."""

MOST_MASK_BYTES = 64 * MEBI
"""Of the table of where each character is in that text."""

MOST_FUZZY_MATCHES = 4 * MEBI
"""Pairs of a symbol of the STM and a similar symbol of the node, each time that the STM has it."""

MOST_MATCHED_PLACES = 32 * MEBI
"""Symbols of the STM, times the patterns that are aligned with them, in fuzzy matching."""

MOST_GATHERED = 16 * MEBI
"""Symbols of patterns that a prediction may copy to save a compilation: 64 MB."""

MOST_TEXT_BYTES = 128 * MEBI
"""Of the JSON of the lists of symbols in all predictions."""


class PredictionTooLarge(ValueError):
    """A prediction would take too much memory. `setting`: the one of the session that can make it smaller."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(reason)
        self.setting = setting
