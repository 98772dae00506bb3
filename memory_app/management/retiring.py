"""`manage.py node retire`, `un-retire`, `purge` and `acts`."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from foundation.terminal.arguments import add_json_argument, at_least, utf8
from foundation.terminal.command import Command
from foundation.terminal.errors import Error
from foundation.terminal.text import counted, readable
from memory_app import reasons
from memory_app.management.arguments import node_id, pattern_id
from memory_app.management.confirming import confirm
from memory_app.operations import purging, retiring
from memory_app.operations.purging import Purged
from memory_app.operations.retiring import ActedOn
from memory_app.reads import acts

_PURGED_AT_ONCE = 1000


def add_acts(command: Command, commands: Any) -> None:
    retire = command.add_subcommand(
        commands,
        "retire",
        partial(
            _act, command, retiring.retire, done="retired", others="were already", keys=("retired", "already_retired")
        ),
        about="Let a node neither predict nor learn some patterns.\n"
        "Takes effect at once and for all clients. Statistics stay, and un-retire brings the patterns back.",
        examples="""
  manage.py node retire kitchen 6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de --why 'learned from a broken sensor'
""",
    )
    un_retire = command.add_subcommand(
        commands,
        "un-retire",
        partial(
            _act,
            command,
            retiring.un_retire,
            done="un-retired",
            others="were not retired",
            keys=("un_retired", "not_retired"),
        ),
        about="Let a node predict and learn retired patterns again.\n"
        "What was purged does not come back, but can be learned again.",
        examples="""
  manage.py node un-retire kitchen 6e203a0c5b2f4ab0a3e1d6a8f30b5f0b26c1a7de
""",
    )
    purge = command.add_subcommand(
        commands,
        "purge",
        lambda **options: _purge(command, **options),
        about="Take back all that retired patterns added to a node, as if it had never learned them.\n"
        "Without patterns: of all that are retired. They stay retired. This cannot be undone.",
        examples="""
  manage.py node purge kitchen                      asks first
  manage.py node purge kitchen --yes --limit 10000
""",
    )
    for parser in (retire, un_retire, purge):
        parser.add_argument("node", type=node_id, metavar="NODE", help="its exact id")
        many = "*" if parser is purge else "+"
        parser.add_argument("patterns", type=pattern_id, nargs=many, metavar="PATTERN", help="a name, or 'PTRN|name'")
        parser.add_argument("--why", type=_why, metavar="TEXT", help="kept with who did it and when")
        add_json_argument(parser)
    purge.add_argument("--limit", type=at_least(1), default=1000, metavar="N", help="at most this many (1000)")
    purge.add_argument("--yes", action="store_true", help="do not ask")
    shown = command.add_subcommand(
        commands,
        "acts",
        lambda **options: _acts(command, **options),
        about="List who retired, un-retired and purged which patterns, when and why: the last act first.",
        examples="""
  manage.py node acts
  manage.py node acts --node kitchen --json
""",
    )
    shown.add_argument("--node", type=node_id, metavar="NODE", help="only those of this node")
    shown.add_argument("--limit", type=at_least(1), default=50, metavar="N", help="at most this many (50)")
    add_json_argument(shown, lines=True)


def _why(text: str) -> str:
    """Raises ArgumentTypeError."""
    if len(utf8(text)) > reasons.MAX_LENGTH:
        raise argparse.ArgumentTypeError(f"it has more than {reasons.MAX_LENGTH} characters")
    return text


def _act(
    command: Command,
    act: Callable[..., ActedOn],
    *,
    done: str,
    others: str,
    keys: tuple[str, str],
    node: str,
    patterns: list[str],
    why: str | None,
    json: bool,
    **options: Any,
) -> None:
    """done, others: what happened to some of the patterns, and what the others are; `keys`: both in JSON."""
    result = act(node_id=node, names=patterns, why=why)
    if json:
        command.print_json({"node_id": node, **dict(zip(keys, (result.names, result.others), strict=True))})
    else:
        command.stdout.write(f"{counted(len(result.names), 'pattern')} {done}, {len(result.others)} {others}")
    if result.never_learned:  # the node's id, or the names, may have been mistyped
        were = "was" if result.never_learned == 1 else "were"
        command.tell(f"{result.never_learned} of them {were} unknown to node {readable(node)}")


def _purge(
    command: Command,
    node: str,
    patterns: list[str],
    why: str | None,
    limit: int,
    yes: bool,
    json: bool,
    **options: Any,
) -> None:
    if not yes:
        what = counted(len(patterns), "retired pattern") if patterns else "all retired patterns"
        confirm(command, f"Permanently forget {what} of node {readable(node)}? Type the node's id to continue: ", node)
    done = _purge_in_parts(node, patterns or None, limit, why)
    if json:
        command.print_json({"node_id": node, "purged": done.names, "failed": done.failed, "remaining": done.remaining})
    else:
        command.stdout.write(f"{counted(len(done.names), 'pattern')} purged, {done.remaining} remain")
    if done.failed:
        first = next(iter(done.failed))
        raise Error(f"{counted(len(done.failed), 'pattern')} not purged, the first: {first}: {done.failed[first]}")


def _purge_in_parts(node: str, patterns: list[str] | None, limit: int, why: str | None) -> Purged:
    """Many transactions, so that the node can learn in between; an interrupted command can be repeated."""
    purged: list[str] = []
    while True:
        done = purging.purge(node_id=node, names=patterns, limit=min(limit - len(purged), _PURGED_AT_ONCE), why=why)
        purged += done.names
        if not done.names or len(purged) >= limit:
            return Purged(purged, done.failed, done.remaining)


def _acts(command: Command, node: str | None, limit: int, json: bool, **options: Any) -> None:
    rows = [one._asdict() for one in acts.latest(node_id=node, limit=limit)]
    if json:
        for row in rows:
            command.print_json(row)
    else:
        command.print_table([name.replace("_", " ") for name in acts.Act._fields], (list(row.values()) for row in rows))
