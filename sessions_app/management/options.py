"""Arguments of commands: lists of names, and the settings of a session with the limits and messages of the API."""

import argparse
import csv
from collections.abc import Iterable, Mapping
from typing import Any

from foundation import contracts
from foundation.contracts import ContractName
from sessions_app import config

_TYPES = {"number": float, "integer": int}
# Shown by --help, with the limits and the default.
_MEANINGS = {
    "max_pattern_length": "number of events after which a session learns automatically, 0 for never",
    "stm_mode": "what stays in the STM then, CLEAR nothing, ROLLING all but the oldest event",
    "sort_symbols": "sort the symbols of an event",
    "persistence": "how many emotives maps a pattern keeps",
    "recall_threshold": "minimum similarity of a predicted pattern",
    "max_predictions": "maximum number of predictions",
    "rank_sort_algo": "the metric that ranks predictions",
    "use_token_matching": "compare whole symbols instead of their characters",
    "fuzzy_token_threshold": "minimum similarity of two symbols that count as a match",
    "affinity_emotive": "the emotive whose affinity weights symbols",
    "filter_pipeline": "filters that a pattern must pass before it is compared, separated by commas",
    "length_min_ratio": "filter length, minimum length of a pattern, relative to the STM",
    "length_max_ratio": "filter length, maximum length of a pattern, relative to the STM",
    "jaccard_threshold": "filter jaccard, minimum share of common symbols",
    "jaccard_min_overlap": "filter jaccard, minimum number of common symbols",
    "minhash_threshold": "filter minhash, minimum estimated share of common symbols",
    "minhash_bands": "filter minhash, bands per signature",
    "minhash_rows": "filter minhash, rows per band",
    "minhash_num_hashes": "filter minhash, hashes per signature",
    "single_symbol_match": "where a pattern has the symbol of a one-symbol STM",
}


def names(text: str) -> list[str]:
    """Names separated by commas; one that contains a comma is in double quotes. Raises ArgumentTypeError."""
    try:
        text.encode()
        return next(csv.reader([text], strict=True), [])
    except (UnicodeEncodeError, csv.Error) as error:
        raise argparse.ArgumentTypeError(f"{text!a}: {error}") from None


def add_config_arguments(parser: argparse.ArgumentParser, keys: Iterable[str]) -> None:
    """One option for each setting, such as `--recall-threshold 0.4`."""
    group = parser.add_argument_group("configuration", "settings, as a session has them")
    for key in keys:
        rule = _rule(key)
        kind: dict[str, Any] = {}
        match rule.schema["type"]:
            case "boolean":
                kind = {"action": argparse.BooleanOptionalAction}
            case "array":
                kind = {"type": names, "metavar": "NAMES"}
            case "string":
                kind = {"metavar": "NAME"}
            case number:
                kind = {"type": _TYPES[number], "metavar": number.upper()}
        group.add_argument(f"--{key.replace('_', '-')}", dest=key, default=None, help=_help(key, rule), **kind)


def _rule(key: str) -> config.Rule:
    """Of the service's contract; of a setting that this one has not, that of the other, so that all options exist."""
    return next(
        rules.all[key] for rules in (config.RULES[contracts.default()], *config.RULES.values()) if key in rules.all
    )


def _help(key: str, rule: config.Rule) -> str:
    meaning, default = _MEANINGS[key], config.DEFAULTS[key]
    limits = "" if rule.schema["type"] == "boolean" else f": {rule.message.removeprefix('Must be ')}"
    if default is None or default == []:
        return meaning + limits
    shown = {True: "yes", False: "no"}[default] if isinstance(default, bool) else default
    return f"{meaning}{limits} (default: {shown})"


def given_settings(options: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """The settings that were given as options, as they are."""
    return {key: options[key] for key in keys if options[key] is not None}


def given_config(
    options: Mapping[str, Any], keys: Iterable[str], *, contract: ContractName | None = None
) -> dict[str, Any]:
    """The same, by the rules of a contract, by default the service's. Raises InvalidConfiguration."""
    return config.validate(given_settings(options, keys), contract=contract or contracts.default())


def add_contract_argument(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--contract",
        type=_contract,
        metavar="VERSION",
        help=f"{what}: {' or '.join(ContractName)} (default: KATO_CONTRACT, {contracts.default()})",
    )


def _contract(text: str) -> ContractName:
    """Raises ArgumentTypeError."""
    try:
        return contracts.named(text, source="it")
    except contracts.UnknownContract as error:
        raise argparse.ArgumentTypeError(error.explanation) from None
