"""What nodes know: patterns, symbols, files."""

from typing import Literal, NotRequired, TypedDict

from kato_client.types._observations import Percept
from kato_client.types._predictions import Cognition, Prediction
from kato_client.types._values import Emotives, Events


class Pattern(TypedDict):
    """`emotives`: the last maps it was learned with (a window); `metadata`: for each key the texts of all values."""

    name: str
    pattern_data: Events
    length: int
    frequency: int
    emotives: list[Emotives]
    metadata: dict[str, list[str]]


class PatternLookup(TypedDict):
    """`status`: `okay`, or `error` with a `message` instead of a `pattern`."""

    status: Literal["okay", "error"]
    pattern: NotRequired[Pattern | None]
    message: NotRequired[str | None]


class PatternAnswer(TypedDict):
    pattern: PatternLookup
    node_id: str


class PatternCount(TypedDict):
    pattern_count: int
    node_id: str


class ListedPattern(TypedDict):
    """`emotives`, `metadata`: as in `Pattern`; None if they are more than a page may have.

    `bytes`: of events, emotives and metadata, as stored.
    """

    name: str
    pattern_data: Events
    length: int
    frequency: int
    emotives: list[Emotives] | None
    metadata: dict[str, list[str]] | None
    retired: bool
    bytes: int


class PatternPage(TypedDict):
    """`next`: the `after` of the next page, also of an empty one; None on the last one."""

    patterns: list[ListedPattern]
    node_id: str
    next: str | None


class PatternsRetired(TypedDict):
    status: str
    session_id: str
    node_id: str
    requested: list[str]
    retired: list[str]
    already_retired: list[str]


class PatternsUnRetired(TypedDict):
    status: str
    session_id: str
    node_id: str
    requested: list[str]
    un_retired: list[str]
    not_retired: list[str]


class PatternsPurged(TypedDict):
    status: Literal["completed", "partial", "nothing_to_purge"]
    session_id: str
    node_id: str
    purged: list[str]
    failed: dict[str, str]
    remaining: int


class PatternDeleted(TypedDict):
    status: Literal["deleted"]
    pattern_name: str
    node_id: str


class ListedNode(TypedDict):
    """`node_id`: the exact id. `shown_as`: the one that KATO shows. `finalized`: by finalize-training."""

    node_id: str
    shown_as: str
    finalized: bool
    vector_dimension: int | None


class NodePage(TypedDict):
    """`next`: the `after` of the next page; None on the last one."""

    nodes: list[ListedNode]
    next: str | None


class NodeExported(TypedDict):
    """How many lines of each kind the file has."""

    patterns: int
    affinities: int
    retirements: int


class NodePercept(TypedDict):
    percept_data: Percept
    node_id: str
    warning: str


class NodeCognition(TypedDict):
    cognition_data: Cognition[Prediction]
    node_id: str
    warning: str


class SymbolStatistics(TypedDict):
    """`frequency`: occurrences in all learns; `pattern_member_frequency`: distinct patterns that contain the symbol."""

    name: str
    frequency: int
    pattern_member_frequency: int


class Symbols(TypedDict):
    """`next`: the `after` of the next page, if there is one."""

    symbols: dict[str, SymbolStatistics]
    node_id: str
    next: NotRequired[str]


class Affinities(TypedDict):
    """`next`: the `after` of the next page, if there is one."""

    affinities: dict[str, Emotives]
    node_id: str
    next: NotRequired[str]


class Affinity(TypedDict):
    symbol: str
    affinity: Emotives
    node_id: str
