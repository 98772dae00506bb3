"""The settings in force: the session's own over the service's defaults.

A session stores only what its client set. Every other setting has the service's default.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from pydantic_core import to_json

from engine.named_vectors import NEIGHBOURS
from foundation.contracts import ContractName
from sessions_app.config.rules import NEIGHBOURS_PLUS_SELF, RULES

# In force only where the session or the environment sets them. KATO has no single_symbol_match to show.
ONLY_WHEN_SET = ("fuzzy_token_threshold", "affinity_emotive", "single_symbol_match")
# In the order of responses (http.md 1.2).
DEFAULTS: dict[str, Any] = {
    "max_pattern_length": settings.ENV.max_pattern_length,
    "persistence": settings.ENV.persistence,
    "recall_threshold": settings.ENV.recall_threshold,
    "indexer_type": settings.ENV.indexer_type,
    "max_predictions": settings.ENV.max_predictions,
    "sort_symbols": settings.ENV.sort_symbols,
    "process_predictions": settings.ENV.process_predictions,
    "use_token_matching": settings.ENV.use_token_matching,
    "fuzzy_token_threshold": settings.ENV.fuzzy_token_threshold,
    "stm_mode": settings.ENV.stm_mode,
    "rank_sort_algo": settings.ENV.rank_sort_algo,
    "affinity_emotive": settings.ENV.affinity_emotive,
    "filter_pipeline": [],
    "length_min_ratio": 0.5,
    "length_max_ratio": 2.0,
    "jaccard_threshold": 0.3,
    "jaccard_min_overlap": 2,
    "minhash_threshold": 0.7,
    "minhash_bands": 20,
    "minhash_rows": 5,
    "minhash_num_hashes": 100,
    "bloom_false_positive_rate": 0.01,
    "max_candidates_per_stage": 100000,
    "enable_filter_metrics": True,
    "vector_event_mode": NEIGHBOURS_PLUS_SELF,
    "vector_search_limit": NEIGHBOURS,
    "return_vector_search_results": False,
    "single_symbol_match": None,
}
# Where RECALL_THRESHOLD is 0, which only 3.10 knows.
_LEAST_USEFUL_THRESHOLD = 0.1
_DEFAULTS = {
    ContractName.KATO_3_10: DEFAULTS,
    ContractName.KATO_6_3: {**DEFAULTS, "recall_threshold": DEFAULTS["recall_threshold"] or _LEAST_USEFUL_THRESHOLD},
}


def _mark(contract: ContractName) -> int:
    told = to_json([contract, _DEFAULTS[contract]])
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest())


# Of all that the configuration in force follows from besides what a session stores: its contract, and the defaults.
# Processes with the same environment have the same marks.
MARKS = {contract: _mark(contract) for contract in ContractName}


def effective(own: Mapping[str, Any], *, contract: ContractName) -> dict[str, Any]:
    """The configuration in force, in the order of responses. `contract`: of the session."""
    if contract is not ContractName.KATO_3_10:
        own = _known_to(contract, own)
    merged = {**_DEFAULTS[contract], **{key: value for key, value in own.items() if key in DEFAULTS}}
    for key in ONLY_WHEN_SET:
        if merged[key] is None:
            del merged[key]
    return merged


def _known_to(contract: ContractName, own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what the contract refuses: a session that is older than contracts may hold it, and uses the default."""
    rules = RULES[contract].all
    return {key: value for key, value in own.items() if key in rules and rules[key].accepts(value)}
