"""`manage.py session …`: list, create, change and transfer sessions from the command line."""

import argparse
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from foundation import contracts
from foundation.console.formatting import duration
from foundation.http.bodies import as_object
from foundation.terminal.arguments import add_json_argument, at_least, json_object, utf8
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error
from foundation.terminal.text import counted, named
from memory_app.management.arguments import node_id
from sessions_app import config as session_config
from sessions_app import operations
from sessions_app.errors import SessionNotFound
from sessions_app.management.observing import add_observe
from sessions_app.management.options import add_contract_argument
from sessions_app.management.transferring import add_export, add_import
from sessions_app.reads import inspection, listing
from sessions_app.shapes import bodies
from sessions_app.shapes.descriptions import describe_session


class Command(TerminalCommand):
    help = """Show sessions, and change them as clients do.

A session is one client's conversation with one node: its short-term memory (STM), its configuration, its deadline.
What its node learned stays after the session is deleted."""
    examples = """
  manage.py session list --node kitchen
  S=$(manage.py session create --node kitchen)
  manage.py session observe $S kettle on
  manage.py session show $S
"""

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        self._add_list(commands)
        self._add_show(commands)
        self._add_create(commands)
        add_observe(self, commands)
        self._add_delete_and_expire(commands)
        add_export(self, commands)
        add_import(self, commands)

    # Showing ---------------------------------------------------------------------------------------------------------

    def _add_list(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "list",
            self._list,
            about="List sessions, newest first.\nThis counts nothing, so it is as fast with a million as with ten.",
            examples="""
  manage.py session list                        the 50 newest
  manage.py session list --state expired        expired, but not deleted yet
  manage.py session list --node kitchen --json | jq -r .session_id
  manage.py session list --after 2026-11-22T09:30:00.000000+00:00/session-0b1f…   the next page
""",
        )
        parser.add_argument("--node", type=node_id, help="only sessions of this node")
        parser.add_argument("--state", choices=listing.Liveness.values, help="only sessions in this state")
        parser.add_argument("--limit", type=at_least(1), default=50, metavar="N", help="at most this many (50)")
        parser.add_argument("--after", type=_cursor, metavar="PLACE", help="continue where another list ended")
        add_json_argument(parser, lines=True)

    def _list(
        self, node: str | None, state: str | None, limit: int, after: listing.Cursor | None, json: bool, **options: Any
    ) -> None:
        liveness = listing.Liveness(state) if state else None
        found = listing.sessions(node_id=node, liveness=liveness, after=after, limit=limit + 1)
        shown = islice(found, limit)
        last = None
        if json:
            for last in shown:
                self.print_json({**_as_json(last), "place": str(listing.cursor_of(last, liveness))})
        else:
            page = list(shown)
            last = page[-1] if page else None
            columns = ("session", "node", "state", "created", "left", "events", "observations")
            self.print_table(columns, map(_row, page))
        if last and next(found, None):
            self.tell(f"There are more: --after {listing.cursor_of(last, liveness)}")

    def _add_show(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "show",
            self._show,
            about="Show everything that a session holds.\nThis does not extend its life.",
            examples="""
  manage.py session show session-0b1f…
  manage.py session show session-0b1f… --json | jq .stm
""",
        )
        parser.add_argument("session_id", type=utf8, metavar="SESSION", help="its id")
        add_json_argument(parser)

    def _show(self, session_id: str, json: bool, **options: Any) -> None:
        session = inspection.inspect(session_id)
        state = "active" if session.is_alive else "expired"
        if json:
            self.print_json({**inspection.exported(session), "state": state})
            return
        self.print_fields(
            {
                "session": session.session_id,
                "node": session.node_id,
                "contract": contracts.of_row(session.contract),
                "state": state,
                "created": session.created_at,
                "time left": duration(session.left),
                "time to live": duration(session.ttl_seconds),
                "observations": session.time,
                "STM": counted(len(session.stm), "event"),
                "last events": session.stm[-10:],
                "emotives": session.emotives,
                "metadata to learn": session.entries,
                "vectors to learn": len(session.vectors),
                "percept": session.percept,
                "configuration": session.config,
                "metadata": session.metadata,
            }
        )

    # Changing ---------------------------------------------------------------------------------------------------------

    def _add_create(self, commands: Any) -> None:
        parser = self.add_subcommand(
            commands,
            "create",
            self._create,
            about="Create a session and print its id.",
            examples="""
  manage.py session create --node kitchen
  manage.py session create --node kitchen --ttl 86400 --config '{"recall_threshold": 0.4}'
""",
        )
        parser.add_argument("--node", required=True, type=node_id, help="the node whose long-term memory it uses")
        add_contract_argument(parser, "the version of KATO whose API the session follows")
        parser.add_argument("--ttl", type=int, metavar="SECONDS", help=f"life after the last access ({_default_ttl()})")
        parser.add_argument("--config", type=json_object, default={}, metavar="JSON", help="settings of this session")
        parser.add_argument(
            "--metadata", type=json_object, default={}, metavar="JSON", help="any object, stored as it is"
        )
        add_json_argument(parser)

    def _create(
        self,
        node: str,
        contract: contracts.ContractName | None,
        ttl: int | None,
        config: dict[str, Any],
        metadata: dict[str, Any],
        json: bool,
        **options: Any,
    ) -> None:
        followed = contract or contracts.default()
        given = bodies.CreateSession.model_validate(
            as_object({"node_id": node, "ttl_seconds": ttl, "metadata": metadata}, [])
        )
        info = operations.create(
            node_id=given.node_id,
            ttl_seconds=given.ttl_seconds or settings.ENV.session_ttl,
            config=session_config.validate(as_object(config, ["config"]), contract=followed),
            metadata=metadata,
            contract=followed,
        )
        if json:
            self.print_json(describe_session(info, contract=followed))
        else:
            self.stdout.write(info.session_id)

    def _add_delete_and_expire(self, commands: Any) -> None:
        for name, perform, about in (
            ("delete", self._delete, "Delete sessions at once.\nWhat their nodes learned stays."),
            ("expire", self._expire, "Expire sessions now.\nClients see the same as if their time had run out."),
        ):
            examples = f"""
  manage.py session {name} session-0b1f…
  manage.py session list --node kitchen --json | jq -r .session_id | xargs manage.py session {name}
"""
            parser = self.add_subcommand(commands, name, perform, about=about, examples=examples)
            parser.add_argument("session_ids", type=utf8, metavar="SESSION", nargs="+", help="their ids")
            add_json_argument(parser, lines=True)

    def _delete(self, session_ids: list[str], json: bool, **options: Any) -> None:
        self._end(session_ids, operations.delete, "deleted", json=json)

    def _expire(self, session_ids: list[str], json: bool, **options: Any) -> None:
        self._end(session_ids, operations.expire, "expired", json=json)

    def _end(self, session_ids: list[str], operation: Callable[..., None], status: str, *, json: bool) -> None:
        missing = []
        for session_id in session_ids:
            try:
                operation(session_id=session_id)
                result = status
            except SessionNotFound:
                missing.append(session_id)
                result = "not found"
            if json:
                self.print_json({"session_id": session_id, "status": result})
            elif result == status:
                self.stdout.write(f"{session_id} {status}")
        if missing:
            raise Error(f"Not found or expired: {named(missing)}")


def _default_ttl() -> int:
    ttl: int = settings.ENV.session_ttl
    return ttl


def _cursor(text: str) -> listing.Cursor:
    moment, _, session_id = text.partition("/")
    try:
        datetime.fromisoformat(moment)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not the --after value of a list") from None
    return listing.Cursor(moment, session_id)


def _as_json(session: listing.SessionSummary) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "node_id": session.node_id,
        "state": "active" if session.is_alive else "expired",
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "ttl_seconds": session.ttl_seconds,
        "stm_length": session.stm_length,
        "time": session.time,
    }


def _row(session: listing.SessionSummary) -> tuple[Any, ...]:
    state, left = ("active", duration(session.left)) if session.is_alive else ("expired", None)
    return session.session_id, session.node_id, state, session.created_at, left, session.stm_length, session.time
