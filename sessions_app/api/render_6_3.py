"""Responses as KATO 6.3 has them, where contracts differ (kato-6.md 4). `render_3_10` stands beside it."""

from math import isfinite
from typing import Any

from sessions_app.observations import Observed, VectorSearch


def observed(common: dict[str, Any], observed: Observed) -> dict[str, Any]:
    search = observed.vector_search
    return {**common, "vector_search": None if search is None else _vector_search(search)}


def _vector_search(search: VectorSearch) -> dict[str, Any]:
    matches: list[dict[str, Any]] = [
        {
            "vctr_id": name,
            "rank": rank,
            "raw_score": distance if isfinite(distance) else None,
            "source": "vector_index",
        }
        for rank, (name, distance) in enumerate(search.found, start=1)
    ]
    if search.performed and search.own_name not in (name for name, _ in search.found):
        own = {"vctr_id": search.own_name, "rank": len(matches) + 1, "raw_score": None, "source": "self_appended"}
        matches.append(own)
    return {
        "query_vctr_id": search.own_name,
        "requested_limit": search.requested_limit,
        "search_performed": search.performed,
        "metric": "euclidean",
        "score_direction": "lower_is_better",
        "matches": matches,
    }
