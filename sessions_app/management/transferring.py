"""`manage.py session export` and `import`."""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from foundation.json_lines import WrongLine
from foundation.terminal.arguments import add_json_argument, utf8
from foundation.terminal.command import Command
from foundation.terminal.errors import Error, Interrupted, WrongArguments
from foundation.terminal.progress import progress, rewindable, watched
from foundation.terminal.text import MOST_NAMED, counted, named
from memory_app.management.arguments import node_id
from sessions_app import reads
from sessions_app.errors import SessionNotFound
from sessions_app.files import session_files
from sessions_app.reads import inspection


def add_export(command: Command, commands: Any) -> None:
    parser = command.add_subcommand(
        commands,
        "export",
        partial(_export, command),
        about="Export sessions as lines of JSON, with everything they hold (docs/migrating.md).\n"
        "The file does not contain what their nodes know. Its last line marks it as complete.",
        examples="""
  manage.py session export session-0b1f… > one.ndjson
  manage.py session export --node kitchen --output kitchen.ndjson
  manage.py session export --all | gzip > sessions.ndjson.gz
""",
    )
    parser.add_argument("session_ids", type=utf8, metavar="SESSION", nargs="*", help="ids of active sessions")
    parser.add_argument("--node", type=node_id, help="all active sessions of this node")
    parser.add_argument("--all", action="store_true", help="all active sessions")
    parser.add_argument("--output", type=Path, metavar="FILE", help="a new file (default: standard output)")


def _export(
    command: Command, *, session_ids: list[str], node: str | None, all: bool, output: Path | None, **options: Any
) -> None:
    if (bool(session_ids), node is not None, all).count(True) != 1:
        raise WrongArguments("Pass either session ids, --node NODE, or --all")
    missing: list[str] = []
    sessions = _active(session_ids, missing) if session_ids else inspection.living(node_id=node)
    total = len(session_ids) or reads.count(node_id=node)
    done = 0
    try:
        with output.open("x", encoding="utf-8") if output else nullcontext(command.stdout) as out:
            out.write('{"kato":"sessions","version":1}\n')
            with progress("Exporting sessions", total=total) as advance:
                for session in sessions:
                    out.write(f"{to_json(inspection.exported(session)).decode()}\n")
                    done += 1
                    advance(1)
            out.write(f'{{"end":true,"sessions":{done}}}\n')
    except BrokenPipeError:
        raise  # the reader has closed the pipe, which is no failure
    except FileExistsError:
        raise Error(f"{output} already exists; nothing was exported") from None
    except OSError as error:
        raise Error(f"{error}. The file is not complete") from error
    except KeyboardInterrupt:
        raise Interrupted(f"{counted(done, 'session')} exported; the file is not complete") from None
    command.tell(f"{counted(done, 'session')} exported")
    if missing:
        raise Error(f"Not found or expired: {named(missing)}")


def add_import(command: Command, commands: Any) -> None:
    parser = command.add_subcommand(
        commands,
        "import",
        partial(_import, command),
        about="Import sessions from a file that was exported.\n"
        "They keep their ids. A session that is already active here is not changed; it is reported, as is one that\n"
        "has expired since the export. If there are any, the exit status is 1. Importing a file twice is harmless.",
        examples="""
  manage.py session import kitchen.ndjson
  gunzip < sessions.ndjson.gz | manage.py session import - --renew
""",
    )
    parser.add_argument("file", help="lines of JSON as docs/migrating.md describes them; - is standard input")
    parser.add_argument("--renew", action="store_true", help="give each session its ttl_seconds from now")
    parser.add_argument("--partial", action="store_true", help="also accept a file whose export was cut short")
    add_json_argument(parser, lines=True)


def _import(command: Command, *, file: str, renew: bool, partial: bool, json: bool, **options: Any) -> None:
    counts = {"imported": 0, "living": 0, "expired": 0}
    left_out: list[str] = []

    def leave_out(session_ids: list[str], why: str, reason: str) -> None:
        counts[why] += len(session_ids)
        left_out.extend(session_ids[: MOST_NAMED + 1 - len(left_out)])
        for session_id in session_ids if json else ():
            command.print_json({"session_id": session_id, "imported": False, "reason": reason})

    with rewindable(file) as lines:
        try:
            with progress("Checking every line") as advance:
                content = session_files.check(watched(lines, advance))
        except WrongLine as error:
            raise Error(f"{error}. Nothing was imported") from None
        if not content.complete and not partial:
            raise Error("The file has no last line, so its export was cut short; --partial imports it")
        lines.seek(0)
        try:
            with progress("Importing sessions", total=content.sessions) as advance:
                for outcome in session_files.add(lines=lines, renew=renew):
                    counts["imported"] += len(outcome.restored)
                    leave_out(outcome.living, "living", "it is already active here")
                    leave_out(outcome.expired, "expired", "it has expired")
                    advance(len(outcome.restored) + len(outcome.living) + len(outcome.expired))
        except KeyboardInterrupt:
            done = counted(counts["imported"], "session")
            raise Interrupted(f"{done} imported; run the same command to continue") from None
    if json:
        command.print_json(counts)
    else:
        command.stdout.write(f"{counted(counts['imported'], 'session')} imported")
    if left_out:
        raise Error(
            f"{counts['living']} not imported because they are already active here, {counts['expired']} because they "
            f"have expired (--renew imports those): {named(left_out)}"
        )


def _active(session_ids: list[str], missing: list[str]) -> Iterator[inspection.Inspection]:
    """The sessions that are active; the ids of the others are appended to `missing`."""
    for session_id in session_ids:
        try:
            session = inspection.inspect(session_id)
        except SessionNotFound:
            missing.append(session_id)
            continue
        if session.is_alive:
            yield session
        else:
            missing.append(session_id)
