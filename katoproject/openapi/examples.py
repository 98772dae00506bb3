"""An example of every parameter and body, built from an example of every field.

A field means the same wherever it occurs, so one value per name makes the whole document one story. Examples in a
shape itself (pydantic's `examples`) take precedence. A test validates every example against its schema.
"""

from typing import Any

from katoproject.configuration.versions import API_VERSION, RELEASE

Schema = dict[str, Any]

_NAME = "6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de"
_SESSION = "session-b8313c61f0274a448775756081f0f908-1795329555083"
_KITCHEN = [["kettle", "on"], ["boil"], ["cup", "tea"]]

# A tuple has values of two types, for a name that has both.
EXAMPLES: dict[str, Any] = {
    # Identities and times
    "session_id": _SESSION,
    "node_id": "kitchen",
    "processor_id": "kitchen",
    "pattern_id": f"PTRN|{_NAME}",
    "symbol": "kettle",
    "test_id": "x",
    "job_id": "job-1f0c2a7e9d4b4f0e8a51c3b6d7e8f901",
    "metric_name": "kato_requests_total",
    "created_at": "2026-11-22T06:39:15.083399Z",
    "expires_at": "2026-11-22T07:39:15.083399Z",
    "started_at": "2026-11-22T06:39:15.104512Z",
    "finished_at": "2026-11-22T06:39:16.310077Z",
    "timestamp": ("2026-11-22T06:39:15.083399+00:00", 1795329555.083),
    "ttl_seconds": 3600,
    "uptime_seconds": 66.5,
    "worker_pid": 4711,
    "program": f"kato-django/{RELEASE} (instance 3f2a9c1b7d40; host atlas; pid 4711)",
    # Sessions
    "metadata": {"by": "me"},
    "recall_threshold": 0.4,
    "active_session_count": 9,
    "active_sessions": 9,
    "active_sessions_age": 4.2,
    "exists": True,
    "expired": False,
    "total": 1,
    "skip": 0,
    "limit": 100,
    # Jobs
    "kind": "train",
    "progress": 1.0,
    "done": 2,
    "attempts": 1,
    # Observations
    "strings": ["kettle", "on"],
    "vectors": [[0.1, 0.7, 0.2]],
    "emotives": {"joy": 0.5},
    "unique_id": "obs-45e0f4a3eb2a4f5fa6ee71ad17dfe1c8",
    "stm_length": 3,
    "initial_stm_length": 1,
    "final_stm_length": 3,
    "observations_processed": 2,
    "sequence_position": 0,
    "time": 3,
    "auto_learned_patterns": [],
    "isolated": False,
    "stm": _KITCHEN,
    "short_term_memory": _KITCHEN,
    "symbols": ["kettle", "on", "boil", "cup", "tea"],
    "length": 3,
    "path": [],
    "command": "",
    # Learning
    "pattern_name": f"PTRN|{_NAME}",
    "pattern_data": [*_KITCHEN, ["milk"]],
    "patterns_processed": 12,
    "pattern_count": 12,
    "time_ms": 4.2,
    "name": _NAME,
    "frequency": 2,
    "pattern_member_frequency": 1,
    "affinities": {"kettle": {"joy": 1.5}},
    "affinity": {"joy": 1.5},
    # Predictions
    "matches": ["kettle", "on", "boil", "cup", "tea"],
    "past": [],
    "present": _KITCHEN,
    "future": [["milk"]],
    "missing": [[], [], []],
    "extras": [[], [], []],
    "anomalies": [],
    "fuzzy_matches": [],
    "sequence": [*_KITCHEN, ["milk"]],
    "count": 1,
    "aggregate_potential": 1.0,
    "supporting_patterns": 1,
    "total_weighted_frequency": 1.818,
    "observed": "ketle",
    "expected": "kettle",
    "potential": 3.83,
    "evidence": 0.833,
    "similarity": 0.909,
    "fragmentation": 0.0,
    "snr": 1.0,
    "confluence": 0.999,
    "predictive_information": 0.909,
    "confidence": 1.0,
    "entropy": 2.32,
    "normalized_entropy": 0.898,
    "global_normalized_entropy": 0.0,
    "itfdf_similarity": 1.0,
    "tfidf_score": 0.2,
    "pattern_probability": 1.0,
    "weighted_strength": 0.909,
    "bayesian_posterior": 1.0,
    "bayesian_prior": 1.0,
    "bayesian_likelihood": 0.909,
    # Monitoring
    "status": "healthy",
    "version": API_VERSION,
    "message": "There is room for more requests at the same time",
    "base_processor_id": "kato",
    "instance": "3f2a9c1b7d40",
    "instances": ["3f2a9c1b7d40"],
    "process": "3f2a9c1b7d40, pid 4711",
    "issues": [],
    "total_created": 1200,
    "total_deleted": 1100,
    "total_expired": 91,
    "operations_total": 64000,
    "observations": 52000,
    "patterns_learned": 3100,
    "total_requests": 66000,
    "total_errors": 0,
    "error_rate": 0.0,
    "average_response_time": 0.0021,
    "cpu_percent": 12.5,
    "memory_percent": 41.0,
    "disk_percent": 23.4,
    "operations": (88000, {"observe": 52000, "learn": 3100}),
    "errors": 0,
    "avg_response_time": 0.0007,
    "requests_per_second": 35.0,
    "requests_per_minute": 2100.0,
    "errors_per_minute": 0.0,
    "error_rate_per_min": 0.0,
    "total_processors": 1,
    "memory_bytes": 480000,
    "memory_limit_bytes": 1073741824,
    "last_accessed": "2026-11-22T06:39:15.083399Z",
    "access_count": 7,
    "idle_seconds": 0.3,
    "patterns": 1200,
    "time_range_minutes": 10,
    "min": 40.8,
    "max": 41.2,
    "avg": 41.0,
    "value": 41.0,
    "labels": {"instance": "3f2a9c1b7d40"},
    "concurrent_requests": 1,
    "utilization_percent": 6,
    "per_worker": 8,
    "warning_threshold": 80,
    "critical_threshold": 95,
    "total_capacity": 16,
    "workers": 2,
    "backlog": 2048,
    "max_requests": "unlimited",
    "level": "info",
    "hit_rate_percent": 96.4,
    "cache_hits": 320,
    "cache_misses": 12,
    "cache_fallbacks": 0,
    "patterns_in_cache": 1200,
    "symbols_in_cache": 310,
    "patterns_cached_total": 9,
    "symbols_cached_total": 3,
    "redis_memory_used_mb": 1.9,
    "redis_connected": True,
    "views": {"stm": {"hit": 320, "miss": 12, "fallback": 0, "write": 12}},
}


def add_examples(document: Schema) -> None:
    """Add an example to every required parameter, request body and response without one.

    Optional parameters get none: Swagger UI would send it, and a second request with the example of an Idempotency-Key
    would be a repeat of the first.
    """
    components = document["components"]
    bodies = list(components["responses"].values())
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation["parameters"]:
                if parameter.get("required"):
                    parameter.setdefault("example", EXAMPLES[parameter["name"]])
            bodies += operation["responses"].values()
            if "requestBody" in operation:
                bodies.append(operation["requestBody"])
    for body in bodies:
        for media in body.get("content", {}).values():
            if "example" not in media and "examples" not in media:
                media["example"] = example_of(media["schema"], components["schemas"])


def example_of(schema: Schema, components: dict[str, Schema], name: str = "") -> Any:
    """A value that matches the schema of a field called `name`."""
    if "$ref" in schema:
        return example_of(components[schema["$ref"].rpartition("/")[2]], components, name)
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    known = EXAMPLES.get(name, ())
    for value in known if isinstance(known, tuple) else (known,):
        if _may_be(schema, value):
            return value
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components, name)
    match schema.get("type"):
        case "object":
            required = schema.get("required", ())
            properties = schema.get("properties", {}).items()
            return {key: example_of(value, components, key) for key, value in properties if key in required}
        case "array":
            return [example_of(schema["items"], components, name)]
        case "null":
            return None
    return schema.get("default")


_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "array": list,
    "object": dict,
}


def _may_be(schema: Schema, value: Any) -> bool:
    if "anyOf" in schema:
        return any(_may_be(choice, value) for choice in schema["anyOf"])
    kind = schema.get("type")
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    return kind in _TYPES and isinstance(value, _TYPES[kind])
