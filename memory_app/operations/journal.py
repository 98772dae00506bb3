"""What the learns of a pattern added to the affinity of each of its symbols: a purge takes that back exactly.

Every learn adds the same numbers to each of the symbols, so one number per emotive is enough.
"""

from collections.abc import Mapping
from decimal import Context, Decimal, Inexact

from django.conf import settings
from pydantic_core import from_json, to_json

from engine.lesson import EmotivesWindow
from engine.observation import mean_emotives
from memory_app.operations.affinities import Number, exact_text

Journal = dict[str, Decimal]

# The sum of any two floating-point numbers has fewer digits than this; if one did not, it would raise an error.
_EXACTLY = Context(prec=2000, traps=[Inexact])
_LARGEST: int = settings.ENV.limit_pattern


def read(text: str | None, *, emotives: str) -> Journal | None:
    """The journal in a row, whose emotives window is this JSON; None where it is not known what was added.

    A row from before there were journals has none. Without emotives it was never learned with any: nothing was added.
    """
    if text is None:
        return {} if emotives == "[]" else None
    return {emotive: Decimal(value) for emotive, value in from_json(text).items()}


def add(journal: Journal | None, learned: Mapping[str, Number] | None) -> Journal | None:
    """With what was learned since; None where one of the two is not known."""
    if journal is None or learned is None:
        return None
    return {
        **journal,
        **{
            emotive: _EXACTLY.add(journal.get(emotive, Decimal(0)), Decimal(value))
            for emotive, value in learned.items()
        },
    }


def estimate(window: EmotivesWindow, frequency: int) -> Journal:
    """What a pattern without a journal probably added: the mean of the emotives that it still has, at each learn.

    Exact for a pattern that was learned once, as long as its window holds all emotives of that.
    """
    return {
        emotive: _EXACTLY.multiply(Decimal(mean), Decimal(frequency)) for emotive, mean in mean_emotives(window).items()
    }


def text(journal: Journal | None) -> str | None:
    """For the row. A journal that is larger than a pattern may be is given up: then a purge has to estimate."""
    if journal is None:
        return None
    written = to_json({emotive: exact_text(value) for emotive, value in journal.items()})
    return written.decode() if len(written) <= _LARGEST else None
