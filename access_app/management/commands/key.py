"""`manage.py key …`: access keys, from the command line."""

import argparse
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from access_app import operations
from access_app.errors import Unfit
from access_app.limits import LARGEST, LARGEST_RATE, NAMES, Limits
from access_app.models import AccessKey
from access_app.naming import fit_name, fit_prefix
from access_app.operations import Issued
from foundation.callers import Scope
from foundation.terminal.arguments import add_json_argument, at_least, utf8
from foundation.terminal.command import Command as TerminalCommand

_DURATION = re.compile(r"([0-9]{1,12})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def duration(text: str) -> timedelta:
    """A type of arguments: `90d`, `12h`, `30m`, `45s`, `2w`. Raises ArgumentTypeError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration such as 90d, 12h, 30m or 45s")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > operations.LONGEST_LIFETIME.total_seconds():
        raise argparse.ArgumentTypeError(f"{text} is more than {operations.LONGEST_LIFETIME.days:,} days")
    return timedelta(seconds=seconds)


def positive_duration(text: str) -> timedelta:
    if not (found := duration(text)):
        raise argparse.ArgumentTypeError("it must be longer than 0")
    return found


def positive_rate(text: str) -> float:
    """A type of arguments: requests per second. Raises ArgumentTypeError."""
    try:
        found = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 < found <= LARGEST_RATE:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0 and at most {LARGEST_RATE:,}")
    return found


def limit(text: str) -> int:
    """A type of arguments: how many there may be. Raises ArgumentTypeError."""
    if (found := at_least(1)(text)) > LARGEST:
        raise argparse.ArgumentTypeError(f"{text} is more than {LARGEST:,}")
    return found


def fit(check: Callable[[str], str]) -> Callable[[str], str]:
    """A type of arguments: a text that the check takes. Raises ArgumentTypeError."""

    def checked(text: str) -> str:
        try:
            return check(utf8(text))
        except Unfit as reason:
            raise argparse.ArgumentTypeError(str(reason)) from None

    return checked


def scope_name(text: str) -> Scope:
    if text not in set(Scope):
        raise argparse.ArgumentTypeError(f"{text!r} is no scope: choose from {', '.join(Scope)}")
    return Scope(text)


class Command(TerminalCommand):
    help = """Manage access keys: who may call the API, what for, and for which nodes.

The service asks for keys where KATO_ACCESS=keys. A key's token is shown once, when the key is created or rotated; the
database has only its SHA-256. Name a key by its id or its name. Changes take effect at once, in all processes."""
    examples = """
  manage.py key create shop --node shop-
  manage.py key create ops --scope admin --expires 90d
  manage.py key rotate shop --overlap 1h
  manage.py key revoke ops
"""

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        self._add_create(commands)
        self._add_list(commands)
        self._add_show(commands)
        self._add_rotate(commands)
        self._add_revoke(commands)

    def _add_create(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "create",
            self._create,
            about="Create a key, and show its token, once.\n"
            "Scopes: read; write (create sessions, observe, learn, delete); monitor (metrics, statistics); and admin,\n"
            "which includes the others (clear-all, purging and deleting patterns, jobs of other keys, the cache).\n"
            "Without --scope: read and write.",
            examples="""
  manage.py key create shop --node shop-                 sessions of nodes whose ids begin with shop-
  manage.py key create scraper --scope monitor
  TOKEN=$(manage.py key create ci --expires 12h --json | jq -r .token)
""",
        )
        parser.add_argument("name", type=fit(fit_name), metavar="NAME", help="for you: tokens do not contain it")
        parser.add_argument(
            "--scope",
            action="append",
            type=scope_name,
            metavar="SCOPE",
            help="several times for several",
        )
        parser.add_argument(
            "--node",
            action="append",
            type=fit(fit_prefix),
            metavar="PREFIX",
            help="only nodes whose ids begin with this; several times for several",
        )
        parser.add_argument("--expires", type=positive_duration, metavar="TIME", help="valid for this time: 90d, 12h")
        parser.add_argument("--rate", type=positive_rate, metavar="N", help="at most N requests per second")
        parser.add_argument("--bytes-per-minute", type=limit, metavar="N", help="at most N bytes of bodies")
        parser.add_argument("--sessions", type=limit, metavar="N", help="at most N living sessions")
        parser.add_argument("--jobs", type=limit, metavar="N", help="at most N unfinished jobs")
        add_json_argument(parser)

    def _create(
        self,
        name: str,
        scope: list[Scope] | None,
        node: list[str] | None,
        expires: timedelta | None,
        json: bool,
        **options: Any,
    ) -> None:
        limits = Limits(**{one: options[one] for one in NAMES})
        issued = operations.create(
            name=name, scopes=set(scope or operations.DEFAULT_SCOPES), nodes=node, lifetime=expires, limits=limits
        )
        self._show_issued(issued, json=json)

    def _show_issued(self, issued: Issued, *, json: bool) -> None:
        if json:
            self.print_json({**_facts(issued.key), "token": issued.token})
        else:
            self.stdout.write(issued.token)
            self.tell(f"This is the token of key {issued.key.name} ({issued.key.id}). It cannot be shown again.")

    def _add_list(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "list",
            self._list,
            about="List all keys, revoked ones included, by name.",
            examples="""
  manage.py key list
  manage.py key list --json | jq -r 'select(.state == "valid").name'
""",
        )
        add_json_argument(parser, lines=True)

    def _list(self, json: bool, **options: Any) -> None:
        keys = AccessKey.objects.all()
        if json:
            for key in keys.iterator():
                self.print_json(_facts(key))
            return
        columns = ("id", "name", "state", "scopes", "nodes", "expires", "last used")
        self.print_table(columns, (_row(key) for key in keys))

    def _add_show(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "show",
            self._show,
            about="Show a key, without its token, which cannot be shown again.",
            examples="\n  manage.py key show shop\n",
        )
        _add_key(parser)
        add_json_argument(parser)

    def _show(self, key: str, json: bool, **options: Any) -> None:
        found = operations.find(key)
        facts = _facts(found)
        if json:
            self.print_json(facts)
            return
        limits = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(found.limits.items()))
        shown = facts | {"scopes": found.shown_scopes, "nodes": found.shown_nodes, "limits": limits or "none"}
        self.print_fields({name.replace("_", " "): value for name, value in shown.items()})

    def _add_rotate(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "rotate",
            self._rotate,
            about="Give a key another token, and show it, once.\n"
            "The former token stays valid for a while, so that you can replace it where it is used. One that is older\n"
            "becomes invalid at once, even if its time is not over.",
            examples="""
  manage.py key rotate shop                 the former token is valid for a day
  manage.py key rotate shop --overlap 0s    it is invalid at once
""",
        )
        _add_key(parser)
        parser.add_argument(
            "--overlap",
            type=duration,
            default=timedelta(days=1),
            metavar="TIME",
            help="how long the former token stays valid (1d)",
        )
        add_json_argument(parser)

    def _rotate(self, key: str, overlap: timedelta, json: bool, **options: Any) -> None:
        issued = operations.rotate(key=key, overlap=overlap)
        if json:
            facts = {"older_token_would_be_valid_until": issued.ended_early}
            self.print_json({**_facts(issued.key), **facts, "token": issued.token})
            return
        self._show_issued(issued, json=False)
        if issued.ended_early is not None:
            self.tell(
                f"Warning: a token from before the last rotation, valid until {issued.ended_early:%Y-%m-%d %H:%M:%S} "
                "UTC until now, is invalid from now on: a key has two valid tokens at most."
            )

    def _add_revoke(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "revoke",
            self._revoke,
            about="Make a key invalid, at once and for ever. Its sessions and jobs' results stay; its jobs fail.",
            examples="\n  manage.py key revoke shop\n",
        )
        _add_key(parser)
        add_json_argument(parser)

    def _revoke(self, key: str, json: bool, **options: Any) -> None:
        revoked = operations.revoke(key=key)
        if json:
            self.print_json(_facts(revoked))
        else:
            self.tell(f"Revoked key {revoked.name} ({revoked.id})")


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("key", type=utf8, metavar="KEY", help="its id or its name")


def _facts(key: AccessKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "state": key.state,
        "scopes": key.scopes,
        "nodes": key.nodes,
        "limits": key.limits,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "former_token_valid_until": None if key.revoked_at else key.previous_until,
    }


def _row(key: AccessKey) -> list[Any]:
    return [key.id, key.name, key.state, key.shown_scopes, key.shown_nodes, key.expires_at, key.last_used_at]
