"""`manage.py session export` and `import`: sessions as files, and back."""

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
from foundation.terminal.tables import counted
from memory_app.management.arguments import node_id
from sessions_app import reads
from sessions_app.errors import SessionNotFound
from sessions_app.files import session_files
from sessions_app.management.text import MOST_NAMED, some
from sessions_app.reads import inspection


def add_export(command: Command, commands: Any) -> None:
    parser = command.add_subcommand(
        commands,
        "export",
        partial(_export, command),
        about="Write sessions as lines of JSON, with all they hold (docs/migrating.md).\n"
        "What their nodes know is not among it. A file whose last line does not say that it is all was cut short.",
        examples="""
  manage.py session export session-0b1f… > one.ndjson
  manage.py session export --node kitchen --output kitchen.ndjson
  manage.py session export --all | gzip > sessions.ndjson.gz
""",
    )
    parser.add_argument("session_ids", type=utf8, metavar="SESSION", nargs="*", help="ids of sessions that live")
    parser.add_argument("--node", type=node_id, help="all living sessions of this node")
    parser.add_argument("--all", action="store_true", help="all living sessions")
    parser.add_argument("--output", type=Path, metavar="FILE", help="a new file; standard output if not given")


def _export(
    command: Command, *, session_ids: list[str], node: str | None, all: bool, output: Path | None, **options: Any
) -> None:
    if (bool(session_ids), node is not None, all).count(True) != 1:
        raise WrongArguments("Say which sessions: their ids, --node NODE, or --all")
    missing: list[str] = []
    sessions = _of(session_ids, missing) if session_ids else inspection.living(node_id=node)
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
        raise  # nobody reads any more: no failure
    except FileExistsError:
        raise Error(f"{output} is there already; nothing was exported") from None
    except OSError as error:
        raise Error(f"{error}. What was written is not complete") from error
    except KeyboardInterrupt:
        raise Interrupted(f"{counted(done, 'session')} written, the last line is missing") from None
    command.tell(f"{counted(done, 'session')} exported")
    if missing:
        raise Error(f"Not found or expired: {some(missing)}")


def add_import(command: Command, commands: Any) -> None:
    parser = command.add_subcommand(
        commands,
        "import",
        partial(_import, command),
        about="Bring sessions back from a file that was exported.\n"
        "They get the ids they had. One that lives here already is left alone, and told; so is one whose time has\n"
        "run out since. Exit status 1 if there was any. Doing it twice does no harm.",
        examples="""
  manage.py session import kitchen.ndjson
  gunzip < sessions.ndjson.gz | manage.py session import - --renew
""",
    )
    parser.add_argument("file", help="lines of JSON as docs/migrating.md describes them; - is standard input")
    parser.add_argument("--renew", action="store_true", help="let each live its ttl_seconds from now")
    parser.add_argument("--partial", action="store_true", help="also a file whose export was cut short")
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
            with progress("Looking at every line") as advance:
                content = session_files.check(watched(lines, advance))
        except WrongLine as error:
            raise Error(f"{error}. Nothing was imported") from None
        if not content.complete and not partial:
            raise Error("The file has no last line, so its export was cut short; --partial imports it")
        lines.seek(0)
        try:
            with progress("Importing sessions", total=content.sessions) as advance:
                for became in session_files.add(lines=lines, renew=renew):
                    counts["imported"] += len(became.restored)
                    leave_out(became.living, "living", "it lives here already")
                    leave_out(became.expired, "expired", "its time has run out")
                    advance(len(became.restored) + len(became.living) + len(became.expired))
        except KeyboardInterrupt:
            raise Interrupted(f"{counted(counts['imported'], 'session')} imported; the same again goes on") from None
    if json:
        command.print_json(counts)
    else:
        command.stdout.write(f"{counted(counts['imported'], 'session')} imported")
    if left_out:
        raise Error(
            f"{counts['living']} were left out because they live here already, {counts['expired']} because their time "
            f"has run out (--renew revives those): {some(left_out)}"
        )


def _of(session_ids: list[str], missing: list[str]) -> Iterator[inspection.Inspection]:
    """Those that live; the others go to `missing`."""
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
