"""What commands take: names, and the settings of a session, with the limits and messages of the API."""

import argparse
import csv
from collections.abc import Iterable, Mapping
from typing import Any

from sessions_app import config

_TYPES = {"number": float, "integer": int}


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
    default = config.DEFAULTS.get(key)
    text = rule.message.removeprefix("Must be ")
    return text if default in (None, []) else f"{text} (default: {default})"


def given_config(options: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """What the options set. Raises InvalidConfiguration."""
    return config.validate({key: options[key] for key in keys if options[key] is not None})
