"""The types of requests and responses, as the API documents them.

A result is the parsed JSON itself, typed: nothing is renamed, wrapped or left out, and you see a field that a later
version adds at once. Fields that only some responses have are `NotRequired`.

Predictions differ between KATO 3.10 (`Prediction`) and 6.3 (`Prediction63`). What contains them is generic, and so are
the clients: `Kato(url, contract="6.3")` is a `Kato[Prediction63]`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # with a default, which `typing` has from Python 3.13 on
else:
    from typing import TypeVar

#: The versions of KATO whose API the service speaks.
Contract = Literal["3.10", "6.3"]

Event = list[str]
Events = list[Event]
Emotives = dict[str, float]
Metadata = dict[str, Any]


class Observation(TypedDict, total=False):
    """One item of a sequence."""

    strings: Sequence[str]
    vectors: Sequence[Sequence[float]]
    emotives: Mapping[str, float]
    metadata: Mapping[str, Any]
    unique_id: str | None


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
    total: int
    skip: int
    limit: int
    next_skip: NotRequired[int | None]


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


class RoutingTest(TypedDict):
    test_id: str
    message: str


class VectorMatch(TypedDict):
    """`rank`: from 1, the nearest. `raw_score`: the distance, if it is known."""

    vctr_id: str
    rank: int
    raw_score: float | None
    source: Literal["vector_index", "self_appended"]


class VectorSearch(TypedDict):
    query_vctr_id: str
    requested_limit: int
    search_performed: bool
    metric: str
    score_direction: Literal["lower_is_better", "higher_is_better", "unknown"]
    matches: list[VectorMatch]


class Observed(TypedDict):
    """`stm_length`: events after the observation, and after any learning that it caused.

    `vector_search`: under 6.3, for vectors in a session with `return_vector_search_results`; otherwise null or missing.
    """

    status: str
    session_id: str
    processor_id: str
    stm_length: int
    time: int
    unique_id: str
    auto_learned_pattern: str | None
    vector_search: NotRequired[VectorSearch | None]


class SequenceItem(TypedDict):
    status: str
    sequence_position: int
    stm_length: int
    time: int
    unique_id: str
    auto_learned_pattern: str | None


class SequenceObserved(TypedDict):
    status: str
    processor_id: str
    observations_processed: int
    initial_stm_length: int
    final_stm_length: int
    results: list[SequenceItem]
    auto_learned_patterns: list[str]
    final_learned_pattern: str | None
    isolated: bool


class Stm(TypedDict):
    stm: Events
    session_id: str
    length: int


class Learned(TypedDict):
    """`pattern_name`: `PTRN|` and 40 hexadecimal digits; "" if there were fewer than two symbols."""

    status: str
    pattern_name: str
    session_id: str
    processor_id: str | None
    message: str


class TrainingFinalized(TypedDict):
    status: str
    patterns_processed: int
    time_ms: float
    session_id: str
    node_id: str
    message: str


class Cleared(TypedDict):
    status: str
    session_id: str


class AllCleared(Cleared):
    scope: str


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


class FuzzyMatch(TypedDict):
    observed: str
    expected: str
    similarity: float


class CommonPrediction(TypedDict):
    """What predictions of all contracts have; docs/predictions.md explains every field."""

    type: str
    name: str
    frequency: int
    emotives: Emotives
    matches: list[str]
    past: Events
    present: Events
    missing: Events
    extras: Events
    future: Events
    sequence: Events
    fuzzy_matches: list[FuzzyMatch]
    similarity: float
    evidence: float
    confidence: float
    snr: float
    fragmentation: float
    potential: float
    entropy: float
    normalized_entropy: float
    global_normalized_entropy: float
    confluence: float
    itfdf_similarity: float
    tfidf_score: float
    predictive_information: float
    pattern_probability: float
    weighted_strength: float
    bayesian_prior: float
    bayesian_likelihood: float
    bayesian_posterior: float
    weighted_similarity: float | None
    weighted_evidence: float | None
    weighted_confidence: float | None
    weighted_snr: float | None


class Prediction(CommonPrediction):
    """One learned pattern that matches, as KATO 3.10 shows it. `anomalies`: the same as `fuzzy_matches`."""

    anomalies: list[FuzzyMatch]
    # Only if the state is a single symbol.
    pattern_data: NotRequired[Events]
    length: NotRequired[int]


class Prediction63(CommonPrediction):
    """One learned pattern that matches, as KATO 6.3 shows it.

    `anomalies`: the symbols that are missing, those that are extra, and the observed ones of `fuzzy_matches`.
    """

    anomalies: list[str]


if TYPE_CHECKING:
    AnyPrediction = TypeVar("AnyPrediction", bound=CommonPrediction, default=Prediction)
else:
    AnyPrediction = TypeVar("AnyPrediction", bound=CommonPrediction)


class FuturePotential(TypedDict):
    future: Events
    aggregate_potential: float
    supporting_patterns: int
    total_weighted_frequency: float


class Predictions(TypedDict, Generic[AnyPrediction]):
    predictions: list[AnyPrediction]
    future_potentials: list[FuturePotential] | None
    count: int
    session_id: str
    processor_id: str | None
    time: int | None
    unique_id: str | None


class Percept(TypedDict, total=False):
    """The last observation; empty before the first one and after a clear."""

    strings: list[str]
    vectors: list[list[float]]
    emotives: Emotives
    path: list[str]
    metadata: Metadata


class PerceptData(TypedDict):
    percept_data: Percept
    session_id: str
    node_id: str


class Cognition(TypedDict, Generic[AnyPrediction]):
    predictions: list[AnyPrediction]
    emotives: Emotives
    symbols: list[str]
    command: str
    metadata: Metadata
    path: list[str]
    strings: list[str]
    vectors: list[list[float]]
    short_term_memory: Events
    time: NotRequired[int]


class CognitionData(TypedDict, Generic[AnyPrediction]):
    cognition_data: Cognition[AnyPrediction]
    session_id: str
    node_id: str


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


class PatternDeleted(TypedDict):
    status: Literal["deleted"]
    pattern_name: str
    node_id: str


class NodeExported(TypedDict):
    """How many lines of each kind the file has."""

    patterns: int
    affinities: int
    retirements: int


class PatternCount(TypedDict):
    pattern_count: int
    node_id: str


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


class JobSummary(TypedDict):
    """`progress`: from 0 to 1. `error`: why the job or its last attempt failed."""

    job_id: str
    kind: Literal["observe-sequence", "finalize-training", "train", "import"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: float
    done: int
    total: int
    node_id: str
    session_id: str | None
    error: str | None
    attempts: int
    created_at: str
    started_at: str | None
    finished_at: str | None


class Job(JobSummary):
    """`result`: once it is done, what the synchronous request would have returned."""

    result: Any


class JobPage(TypedDict):
    jobs: list[JobSummary]
    total: int
    skip: int
    limit: int


class Root(TypedDict):
    service: str
    version: str
    description: str
    docs: str
    health: str
    status: str
    uptime_seconds: float
    architecture: str
    session_support: bool
    program: NotRequired[str]


class Health(TypedDict):
    status: Literal["healthy", "degraded", "unhealthy"]
    processor_status: str
    service_name: str
    uptime_seconds: float
    issues: list[str]
    metrics_collected: int
    last_collection: float
    active_sessions: int | None
    timestamp: str
    program: NotRequired[str]
    worker_pid: NotRequired[int]
    contracts: NotRequired[list[str]]


class ReadyPart(TypedDict):
    ok: bool
    required: bool
    latency_ms: float | None
    error: str | None


class ReadyBackground(TypedDict):
    jobs_waiting: int
    lag_seconds: float


class Ready(TypedDict):
    ready: bool
    parts: dict[str, ReadyPart]
    background: ReadyBackground | None
    cache: dict[str, int]
    program: str
    timestamp: str


class Status(TypedDict):
    status: str
    base_processor_id: str
    uptime_seconds: float
    sessions: dict[str, Any]
    processors: dict[str, Any]
    version: str


class Metrics(TypedDict):
    timestamp: float
    sessions: dict[str, Any] | None
    performance: dict[str, Any] | None
    resources: dict[str, Any] | None
    databases: dict[str, Any] | None
    rates: dict[str, Any] | None
    processor_manager: dict[str, Any] | None
    uptime_seconds: float | None
    active_sessions: int | None
    instances: NotRequired[list[str]]
    error: str | None


class MetricStatistics(TypedDict):
    count: int
    min: float
    max: float
    avg: float


class DataPoint(TypedDict):
    timestamp: float
    value: float
    labels: dict[str, str]


class MetricHistory(TypedDict):
    metric_name: str
    time_range_minutes: int
    timestamp: float
    statistics: MetricStatistics
    data_points: list[DataPoint]


class Stats(TypedDict):
    time_range_minutes: int
    timestamp: float
    processor_manager: dict[str, Any] | None
    current_status: dict[str, Any] | None
    time_series: dict[str, Any] | None
    summary: dict[str, Any] | None
    error: str | None


class Concurrency(TypedDict):
    status: Literal["healthy", "warning", "critical"]
    current: dict[str, Any]
    peak: dict[str, Any]
    limits: dict[str, Any]
    configuration: dict[str, Any]
    recommendations: list[dict[str, Any]]
    instance: NotRequired[str]
    timestamp: str


class CacheStats(TypedDict):
    cache_performance: dict[str, Any]
    cache_health: dict[str, Any]
    timestamp: str


class CacheInvalidated(TypedDict):
    status: str
    patterns_invalidated: int | None
    symbols_invalidated: int | None
    session_id: str | None
    reason: str | None
    timestamp: str


class DistributedStmStats(TypedDict):
    status: str
    distributed_stm_enabled: NotRequired[bool | None]
    performance_stats: NotRequired[dict[str, Any] | None]
    processor_info: NotRequired[dict[str, Any] | None]
    expected_improvements: NotRequired[Any]
    reason: NotRequired[str | None]
    error: NotRequired[str | None]
    timestamp: str


class ConnectionPools(TypedDict):
    status: Literal["healthy", "degraded", "error"]
    health: NotRequired[dict[str, Any] | None]
    pool_statistics: NotRequired[dict[str, Any] | None]
    connection_optimization: NotRequired[dict[str, Any] | None]
    performance_improvements: NotRequired[Any]
    error: NotRequired[str | None]
    timestamp: str


class SnapshotData(TypedDict):
    active_sessions: int
    system_status: str
    worker_pid: NotRequired[int]


class CreatedData(TypedDict):
    session_id: str
    node_id: str
    created_at: str


class DestroyedData(TypedDict):
    session_id: str
    destroyed_at: str
    reason: str


class Snapshot(TypedDict):
    event_type: Literal["state.snapshot"]
    timestamp: str
    data: SnapshotData


class SessionCreated(TypedDict):
    event_type: Literal["session.created"]
    timestamp: str
    data: CreatedData


class SessionDestroyed(TypedDict):
    event_type: Literal["session.destroyed"]
    timestamp: str
    data: DestroyedData


SessionEvent = SessionCreated | SessionDestroyed
