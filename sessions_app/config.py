"""A session's configuration: keys, defaults, validation (the same at creation and at update; http.md 1.2).

A session stores only what its client set. Every other setting has the service's default.
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, NamedTuple

from django.conf import settings

from engine.options import FILTERS, RANK_FIELDS
from sessions_app.errors import InvalidConfiguration

INDEXER_TYPES = ("VI", "LSH", "ANNOY", "FAISS")


class Rule(NamedTuple):
    """The valid values of a setting: as a check, in words, and as a JSON schema."""

    accepts: Callable[[Any], bool]
    message: str
    schema: dict[str, Any]


def _bounds(low: float, high: float) -> dict[str, float]:
    return {"minimum": low} if high == inf else {"minimum": low, "maximum": high}


def _number(low: float, high: float = inf, *, message: str) -> Rule:
    return Rule(
        lambda value: isinstance(value, int | float) and low <= value <= high,
        message,
        {"type": "number", **_bounds(low, high)},
    )


def _integer(low: int, high: float = inf, *, message: str) -> Rule:
    return Rule(
        lambda value: _is_whole(value) and low <= value <= high,
        message,
        {"type": "integer", **_bounds(low, high)},
    )


def _is_whole(value: Any) -> bool:
    """JSON Schema, and the serialisers of many clients, take 5.0 for an integer too."""
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _one_of(names: tuple[str, ...]) -> Rule:
    return Rule(
        lambda value: isinstance(value, str) and value in names,
        f"Must be one of: {', '.join(names)}",
        {"type": "string", "enum": list(names)},
    )


def _is_pipeline(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= len(FILTERS)
        and all(isinstance(name, str) and name in FILTERS for name in value)
        and len(set(value)) == len(value)
    )


_RATIO = _number(0.0, 1.0, message="Must be a number between 0.0 and 1.0")
_FLAG = Rule(lambda value: isinstance(value, bool), "Must be a boolean (true/false)", {"type": "boolean"})
_TEXT = Rule(lambda value: isinstance(value, str), "Must be a string", {"type": "string"})
_LONGEST: int = settings.ENV.limit_text
_NAME = Rule(
    lambda value: isinstance(value, str) and len(value) <= _LONGEST,
    f"Must be a string of at most {_LONGEST} characters",
    {"type": "string", "maxLength": _LONGEST},
)
_PIPELINE = Rule(
    _is_pipeline,
    f"Must be a list of filter names, none twice, each one of: {', '.join(FILTERS)}",
    {"type": "array", "items": {"type": "string", "enum": list(FILTERS)}, "uniqueItems": True},
)

# KATO checks these keys in POST config too: null is an error.
_CHECKED: dict[str, Rule] = {
    "max_pattern_length": _integer(0, message="Must be a non-negative integer"),
    "persistence": _integer(1, 100, message="Must be an integer between 1 and 100"),
    "recall_threshold": _RATIO,
    "indexer_type": _one_of(INDEXER_TYPES),
    "max_predictions": _integer(1, 10000, message="Must be an integer between 1 and 10000"),
    "process_predictions": _FLAG,
    "use_token_matching": _FLAG,
    "stm_mode": _TEXT,
    "rank_sort_algo": _one_of(RANK_FIELDS),
    "sort": _FLAG,
}
# For these keys null removes the session's own value.
_OPTIONAL: dict[str, Rule] = {
    "sort_symbols": _FLAG,
    "fuzzy_token_threshold": _RATIO,
    "affinity_emotive": _NAME,
    "filter_pipeline": _PIPELINE,
    "length_min_ratio": _RATIO,
    "length_max_ratio": _number(1.0, 1000.0, message="Must be a number between 1.0 and 1000.0"),
    "jaccard_threshold": _RATIO,
    "jaccard_min_overlap": _integer(1, 1_000_000, message="Must be an integer between 1 and 1000000"),
    "minhash_threshold": _RATIO,
    "minhash_bands": _integer(1, 100, message="Must be an integer between 1 and 100"),
    "minhash_rows": _integer(1, 20, message="Must be an integer between 1 and 20"),
    "minhash_num_hashes": _integer(10, 256, message="Must be an integer between 10 and 256"),
    "bloom_false_positive_rate": _number(0.0001, 0.1, message="Must be a number between 0.0001 and 0.1"),
    "max_candidates_per_stage": _integer(100, 1_000_000_000, message="Must be an integer between 100 and 1000000000"),
    "enable_filter_metrics": _FLAG,
}
_RULES = {**_CHECKED, **_OPTIONAL}

# In force only where the session or the environment sets them.
ONLY_WHEN_SET = ("fuzzy_token_threshold", "affinity_emotive")
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
}


def validate(given: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that `given` asks for: key → new value, or None to remove the session's own value.

    Ignores unknown keys, identity fields among them. Raises InvalidConfiguration, which names every invalid key.
    """
    problems: dict[str, str] = {}
    changes: dict[str, Any] = {}
    for key, value in given.items():
        rule = _RULES.get(key)
        if rule is None:
            continue
        if (value is None and key in _OPTIONAL) or rule.accepts(value):
            changes[key] = value
        else:
            problems[key] = rule.message
    if problems:
        raise InvalidConfiguration(problems)
    return _normalised(changes)


def _normalised(changes: dict[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        wanted = _RULES[key].schema["type"]
        # Booleans pass the number checks, as in KATO, and are stored as 0 and 1.
        if (wanted == "integer" and value is not None) or (isinstance(value, bool) and wanted == "number"):
            changes[key] = int(value)
    if "stm_mode" in changes and changes["stm_mode"] not in ("CLEAR", "ROLLING"):
        changes["stm_mode"] = "CLEAR"
    if "sort" in changes:
        changes.setdefault("sort_symbols", changes.pop("sort"))
        changes.pop("sort", None)
    if "use_token_matching" in changes:
        changes.setdefault("sort_symbols", changes["use_token_matching"])
    return changes


def effective(own: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration in force: the session's own values over the service's defaults, in the order of responses."""
    merged = {key: own.get(key, default) for key, default in DEFAULTS.items()}
    for key in ONLY_WHEN_SET:
        if merged[key] is None:
            del merged[key]
    return merged


def rule(key: str) -> Rule:
    """Raises KeyError."""
    return _RULES[key]


def schema_of_changes() -> dict[str, Any]:
    """JSON schema of the argument of `validate`."""
    properties = {key: rule.schema for key, rule in _CHECKED.items()}
    properties |= {key: {"anyOf": [rule.schema, {"type": "null"}]} for key, rule in _OPTIONAL.items()}
    return {"type": "object", "properties": properties, "examples": [{"recall_threshold": 0.4}]}


def schema_in_force() -> dict[str, Any]:
    """JSON schema of the result of `effective`."""
    required = [key for key in DEFAULTS if key not in ONLY_WHEN_SET]
    return {
        "type": "object",
        "properties": {key: _RULES[key].schema for key in DEFAULTS},
        "required": required,
        "additionalProperties": False,
        "examples": [effective({})],
    }
