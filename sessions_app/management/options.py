"""What commands take: names, and the settings of a session, with the limits and messages of the API."""

import argparse
import csv
from collections.abc import Iterable, Mapping
from typing import Any

from sessions_app import config

_TYPES = {"number": float, "integer": int}
_MEANINGS = {
    "max_pattern_length": "events after which a session learns by itself, 0 for never",
    "stm_mode": "what is left then, CLEAR nothing or ROLLING all but the oldest event",
    "sort_symbols": "sort the symbols of an event",
    "persistence": "emotives maps that are kept of a pattern",
    "recall_threshold": "least similarity of a pattern that is predicted",
    "max_predictions": "most predictions",
    "rank_sort_algo": "what predictions are ranked by",
    "use_token_matching": "compare whole symbols, not their characters",
    "fuzzy_token_threshold": "least likeness of two symbols that may stand for each other",
    "affinity_emotive": "the emotive whose affinity weighs symbols",
    "filter_pipeline": "what patterns must pass before they are compared, with commas between",
    "length_min_ratio": "filter length, least length of a pattern in lengths of the STM",
    "length_max_ratio": "filter length, greatest length of a pattern in lengths of the STM",
    "jaccard_threshold": "filter jaccard, least share of symbols in common",
    "jaccard_min_overlap": "filter jaccard, least symbols in common",
    "minhash_threshold": "filter minhash, least estimated share of symbols in common",
    "minhash_bands": "filter minhash, bands of a signature",
    "minhash_rows": "filter minhash, rows of a band",
    "minhash_num_hashes": "filter minhash, hashes of a signature",
}


def names(text: str) -> list[str]:
    """Separated by commas; one that has a comma itself stands in double quotes. Raises ArgumentTypeError."""
    try:
        text.encode()
        return next(csv.reader([text], strict=True), [])
    except (UnicodeEncodeError, csv.Error) as error:
        raise argparse.ArgumentTypeError(f"{text!a}: {error}") from None


def count(text: str) -> int:
    """Raises ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of things")
    return int(text)


def add_config_arguments(parser: argparse.ArgumentParser, keys: Iterable[str]) -> None:
    """`--recall-threshold 0.4` and the like."""
    group = parser.add_argument_group("configuration", "as a session may have it")
    for key in keys:
        rule = config.rule(key)
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


def _help(key: str, rule: config.Rule) -> str:
    meaning, default = _MEANINGS[key], config.DEFAULTS[key]
    limits = "" if rule.schema["type"] == "boolean" else f": {rule.message.removeprefix('Must be ')}"
    told = {True: " (default: yes)", False: " (default: no)"} if isinstance(default, bool) else {}
    return meaning + limits + ("" if default in (None, []) else told.get(default, f" (default: {default})"))


def given_config(options: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """What the options set. Raises InvalidConfiguration."""
    return config.validate({key: options[key] for key in keys if options[key] is not None})
