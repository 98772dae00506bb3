"""The rules of settings: what each may be, under each contract (http.md 1.2; kato-6.md 5.2)."""

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

from django.conf import settings

from engine.options import FILTERS, RANK_FIELDS, SINGLE_SYMBOL_MATCHES
from foundation.contracts import ContractName

INDEXER_TYPES = ("VI", "LSH", "ANNOY", "FAISS")
NEIGHBOURS_PLUS_SELF, SELF_ONLY = VECTOR_EVENT_MODES = ("neighbors_plus_self", "self_only")
MOST_NEIGHBOURS = 100


class Rule(NamedTuple):
    """The valid values of a setting: as a check, in words, and as a JSON schema.

    problem_of: what is wrong with a value that the check refuses, where the words for all are not enough.
    """

    accepts: Callable[[Any], bool]
    message: str
    schema: dict[str, Any]
    problem_of: Callable[[Any], str] | None = None

    def explain(self, value: Any) -> str:
        return self.message if self.problem_of is None else self.problem_of(value)


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


def _pipeline(filters: tuple[str, ...]) -> Rule:
    return Rule(
        lambda value: (
            isinstance(value, list)
            and len(value) <= len(filters)
            and all(isinstance(name, str) and name in filters for name in value)
            and len(set(value)) == len(value)
        ),
        f"Must be a list of filter names, none twice, each one of: {', '.join(filters)}",
        {"type": "array", "items": {"type": "string", "enum": list(filters)}, "uniqueItems": True},
    )


def _problem_of_pipeline(value: Any) -> str:
    """Names the unknown filters, the first of them if they are many, and the valid ones."""
    if not isinstance(value, list):
        return _PIPELINE_6_3.message
    unknown = [name for name in value if not (isinstance(name, str) and name in FILTERS_6_3)]
    if not unknown:
        return _PIPELINE_6_3.message
    shown = ", ".join(repr(name)[:_SHOWN] for name in unknown[: len(FILTERS_6_3)])
    return f"Unknown filters: {shown}. Valid filters: {', '.join(FILTERS_6_3)}"


_RATIO = _number(0.0, 1.0, message="Must be a number between 0.0 and 1.0")
_FLAG = Rule(lambda value: isinstance(value, bool), "Must be a boolean (true/false)", {"type": "boolean"})
_TEXT = Rule(lambda value: isinstance(value, str), "Must be a string", {"type": "string"})
_LONGEST: int = settings.ENV.limit_text
_NAME = Rule(
    lambda value: isinstance(value, str) and len(value) <= _LONGEST,
    f"Must be a string of at most {_LONGEST} characters",
    {"type": "string", "maxLength": _LONGEST},
)
_PIPELINE = _pipeline(FILTERS)
FILTERS_6_3 = tuple(name for name in FILTERS if name != "length")
_PIPELINE_6_3 = _pipeline(FILTERS_6_3)
_SHOWN = 100  # characters of the name of an unknown filter

# KATO checks these keys in POST config too: null is an error.
_CHECKED_3_10: dict[str, Rule] = {
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
_OPTIONAL_3_10: dict[str, Rule] = {
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
    "single_symbol_match": _one_of(SINGLE_SYMBOL_MATCHES),
}

# Above 0 and at most 1; a boolean is no number.
_THRESHOLD_6_3 = Rule(
    lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1,
    "Must be a number greater than 0.0 and at most 1.0",
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1.0},
)
_CHECKED_6_3 = {
    **_CHECKED_3_10,
    "recall_threshold": _THRESHOLD_6_3,
    "vector_event_mode": _one_of(VECTOR_EVENT_MODES),
    "vector_search_limit": Rule(
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_NEIGHBOURS,
        f"Must be an integer between 1 and {MOST_NEIGHBOURS}",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_NEIGHBOURS,
            "description": "Without a fraction: 5, not 5.0.",
        },
    ),
    "return_vector_search_results": _FLAG,
}
_OPTIONAL_6_3 = {
    **{key: rule for key, rule in _OPTIONAL_3_10.items() if key not in ("length_min_ratio", "length_max_ratio")},
    "filter_pipeline": _PIPELINE_6_3._replace(problem_of=_problem_of_pipeline),
}


class Rules(NamedTuple):
    """Of all keys that a contract knows. `optional`: those for which null removes the session's own value."""

    all: dict[str, Rule]
    optional: frozenset[str]

    def schema_of_changes(self) -> dict[str, Any]:
        """JSON schema of the argument of `validate`."""
        properties = {
            key: {"anyOf": [rule.schema, {"type": "null"}]} if key in self.optional else rule.schema
            for key, rule in self.all.items()
        }
        return {"type": "object", "properties": properties, "examples": [{"recall_threshold": 0.4}]}


RULES = {
    ContractName.KATO_3_10: Rules({**_CHECKED_3_10, **_OPTIONAL_3_10}, frozenset(_OPTIONAL_3_10)),
    ContractName.KATO_6_3: Rules({**_CHECKED_6_3, **_OPTIONAL_6_3}, frozenset(_OPTIONAL_6_3)),
}
