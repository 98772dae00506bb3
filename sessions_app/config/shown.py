"""The settings in force as each contract shows them (kato-6.md 12.3, row 11), whatever the session's contract."""

from collections.abc import Callable, Mapping
from typing import Any

from foundation.contracts import ContractName
from sessions_app.config.in_force import DEFAULTS, ONLY_WHEN_SET, effective
from sessions_app.config.rules import RULES

_VECTORS = ("vector_event_mode", "vector_search_limit", "return_vector_search_results")
_LENGTHS = ("length_min_ratio", "length_max_ratio")


def _shown_3_10(in_force: Mapping[str, Any]) -> dict[str, Any]:
    everything = dict(in_force)
    for key in _VECTORS:
        del everything[key]
    return everything


def _shown_6_3(in_force: Mapping[str, Any]) -> dict[str, Any]:
    """`fuzzy_token_threshold` always, where nothing else sets it as 0.0, which means the same."""
    everything = {key: in_force.get(key) for key in DEFAULTS if key not in _LENGTHS}
    everything["fuzzy_token_threshold"] = everything["fuzzy_token_threshold"] or 0.0
    return {key: value for key, value in everything.items() if value is not None}


_SHOWN: dict[ContractName, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    ContractName.KATO_3_10: _shown_3_10,
    ContractName.KATO_6_3: _shown_6_3,
}
_SOMETIMES = {
    ContractName.KATO_3_10: ONLY_WHEN_SET,
    ContractName.KATO_6_3: tuple(key for key in ONLY_WHEN_SET if key != "fuzzy_token_threshold"),
}


def shown(in_force: Mapping[str, Any], *, contract: ContractName) -> dict[str, Any]:
    """`in_force`: from `effective`."""
    return _SHOWN[contract](in_force)


def _schema(key: str) -> dict[str, Any]:
    """Of the oldest contract that knows the setting: its sessions may hold what a newer one refuses."""
    return next(rules.all[key].schema for rules in RULES.values() if key in rules.all)


def schema_in_force(contract: ContractName) -> dict[str, Any]:
    """JSON schema of the result of `shown`."""
    example = shown(effective({}, contract=contract), contract=contract)
    keys = [key for key in DEFAULTS if key in example or key in _SOMETIMES[contract]]
    return {
        "type": "object",
        "properties": {key: _schema(key) for key in keys},
        "required": [key for key in keys if key not in _SOMETIMES[contract]],
        "additionalProperties": False,
        "examples": [example],
    }
