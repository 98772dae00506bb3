"""Sessions: what they are and what they set."""

from collections.abc import Sequence
from typing import Any, Literal, NotRequired, TypedDict

from kato_client.types._values import Metadata


class Config(TypedDict, total=False):
    """Settings of a session; a missing one has the service's default.

    Contract 3.10 ignores the settings of vectors, and 6.3 those of lengths. Under 6.3 `recall_threshold` is above 0.
    """

    max_pattern_length: int
    persistence: int
    recall_threshold: float
    indexer_type: Literal["VI", "LSH", "ANNOY", "FAISS"]
    max_predictions: int
    sort_symbols: bool | None
    process_predictions: bool
    use_token_matching: bool
    fuzzy_token_threshold: float | None
    stm_mode: Literal["CLEAR", "ROLLING"]
    rank_sort_algo: str
    single_symbol_match: Literal["first", "anywhere"] | None
    affinity_emotive: str | None
    filter_pipeline: Sequence[str] | None
    length_min_ratio: float | None
    length_max_ratio: float | None
    jaccard_threshold: float | None
    jaccard_min_overlap: int | None
    minhash_threshold: float | None
    minhash_bands: int | None
    minhash_rows: int | None
    minhash_num_hashes: int | None
    bloom_false_positive_rate: float | None
    max_candidates_per_stage: int | None
    enable_filter_metrics: bool | None
    vector_event_mode: Literal["neighbors_plus_self", "self_only"]
    vector_search_limit: int
    return_vector_search_results: bool


class SessionInfo(TypedDict):
    """`ttl_seconds`: at creation the session's TTL, later the whole seconds left. Times are ISO 8601, UTC."""

    session_id: str
    node_id: str
    created_at: str
    expires_at: str
    ttl_seconds: int
    metadata: Metadata
    session_config: dict[str, Any]


class SessionPage(TypedDict):
    sessions: list[SessionInfo]
    total: int | None
    skip: int
    limit: int
    next_skip: NotRequired[int | None]
    next: NotRequired[str | None]


class SessionCount(TypedDict):
    active_session_count: int


class Existence(TypedDict):
    exists: bool
    expired: bool
    session_id: str


class Deleted(TypedDict):
    status: str
    session_id: str


class SessionConfig(TypedDict):
    session_id: str
    config: dict[str, Any]


class ConfigUpdated(TypedDict):
    status: str
    message: str
    session_id: str


class Extended(TypedDict):
    status: str
    session_id: str
    ttl_seconds: int
