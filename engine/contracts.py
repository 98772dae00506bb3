"""The versions of KATO that predictions can be made for, and how these differ below their renderers.

Facts are computed by a `Semantics`; the renderer of a contract (`engine.render_3_10`, `engine.render_6_3`) turns them
into its prediction objects. Everything between looks at single fields of the semantics and knows no contract.
"""

from typing import NamedTuple


class Semantics(NamedTuple):
    """What differs between versions of KATO. Kernels take it as it is."""

    by_position: bool
    """Past, present, future, missing and extras follow from the matched positions (kato-6.md 3.3); otherwise from
    counts and values (engine.md 5.5)."""
    whole_pattern: bool
    """The entropies and tfidf_score are those of the whole pattern by the present statistics (kato-6.md 3.6); otherwise
    those of present, or what finalize-training left (engine.md 5.6)."""
    one_symbol_apart: bool
    """A one-symbol state has metrics of its own (engine.md 5.9); otherwise those of all others (kato-6.md 3.5)."""
    largest_name_first: bool
    """The larger of two names comes first in ties (kato-6.md 3.4), else similarity, then the smaller name (D01)."""


class Contract(NamedTuple):
    """A version of KATO, by the name that clients use."""

    name: str
    semantics: Semantics


KATO_3_10 = Contract(
    "3.10", Semantics(by_position=False, whole_pattern=False, one_symbol_apart=True, largest_name_first=False)
)
KATO_6_3 = Contract(
    "6.3", Semantics(by_position=True, whole_pattern=True, one_symbol_apart=False, largest_name_first=True)
)

CONTRACTS = {contract.name: contract for contract in (KATO_3_10, KATO_6_3)}
"""By name."""
