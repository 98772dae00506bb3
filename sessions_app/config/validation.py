"""Validating settings: the same at creation and at update, and all of them or none (http.md 1.2)."""

from collections.abc import Mapping
from typing import Any

from foundation.contracts import ContractName
from sessions_app.config.rules import RULES, Rule
from sessions_app.errors import InvalidConfiguration


def validate(given: Mapping[str, Any], *, contract: ContractName) -> dict[str, Any]:
    """The changes that `given` asks for: key → new value, or None to remove the session's own value.

    contract: of the session. Ignores unknown keys, identity fields among them. Raises InvalidConfiguration, which names
    every invalid key.
    """
    rules = RULES[contract]
    problems: dict[str, str] = {}
    changes: dict[str, Any] = {}
    for key, value in given.items():
        rule = rules.all.get(key)
        if rule is None:
            continue
        if (value is None and key in rules.optional) or rule.accepts(value):
            changes[key] = value
        else:
            problems[key] = rule.explain(value)
    if problems:
        raise InvalidConfiguration(problems)
    return _normalised(changes, rules.all)


def _normalised(changes: dict[str, Any], rules: Mapping[str, Rule]) -> dict[str, Any]:
    for key, value in changes.items():
        wanted = rules[key].schema["type"]
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
