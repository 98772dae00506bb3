"""Save sessions as lines of JSON and restore them: `python -m kato_client.sessions save|restore --url …`.

This saves node, configuration, metadata and STM. What the API does not show is lost: emotives and metadata that were
observed but not learned yet, and the session's full time to live; only the time left is visible.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any, TypedDict, cast

from kato_client import types
from kato_client._access import HELP
from kato_client._client import Kato
from kato_client.errors import KatoError, Unauthorized


class SavedSession(TypedDict):
    session_id: str
    node_id: str
    metadata: types.Metadata
    ttl_seconds: int
    config: dict[str, Any]
    stm: types.Events


def save(kato: Kato, session_id: str) -> SavedSession:
    """Read a session. Raises KatoError."""
    session = kato.attach(session_id)
    info = session.info()
    return {
        "session_id": session_id,
        "node_id": info["node_id"],
        "metadata": info["metadata"],
        "ttl_seconds": info["ttl_seconds"],
        "config": info["session_config"],
        "stm": session.stm()["stm"],
    }


def restore(kato: Kato, saved: SavedSession, *, ttl_seconds: int | None = None) -> str:
    """Create a session like the saved one and return its id. Raises KatoError, and then leaves no session behind."""
    # The events must arrive unsorted and must not make the session learn.
    config = {**saved["config"], "sort_symbols": False, "max_pattern_length": 0}
    session = kato.session(
        saved["node_id"],
        config=cast(types.Config, config),
        metadata=saved["metadata"],
        ttl_seconds=ttl_seconds or max(1, saved["ttl_seconds"]),
        keep=True,
    ).open()
    try:
        if saved["stm"]:
            session.observe_sequence([{"strings": event} for event in saved["stm"]])
        session.update_config(cast(types.Config, saved["config"]))
    except KatoError:
        session.delete()
        raise
    return session.id


def _save_all(kato: Kato, session_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    yield {"kato": "sessions", "version": 1}
    saved = 0
    for session_id in session_ids:
        try:
            yield {**save(kato, session_id)}
            saved += 1
        except Unauthorized:
            raise  # so it would be for the others
        except KatoError as error:
            yield {"session_id": session_id, "error": str(error)}
    yield {"end": True, "sessions": saved}


def _restore_all(kato: Kato, lines: IO[str], ttl_seconds: int | None) -> Iterator[dict[str, Any]]:
    for line in lines:
        saved = json.loads(line)
        if "node_id" not in saved:
            continue  # the first line, the last line, and sessions that could not be saved
        try:
            yield {"old": saved["session_id"], "new": restore(kato, saved, ttl_seconds=ttl_seconds)}
        except Unauthorized:
            raise
        except KatoError as error:
            yield {"old": saved["session_id"], "error": str(error)}


def main() -> None:
    about = __doc__.partition("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m kato_client.sessions", description=about, epilog=HELP)
    commands = parser.add_subparsers(dest="command", required=True)
    saving = commands.add_parser("save", help="print sessions, one per line")
    saving.add_argument(
        "session_ids", nargs="*", help="sessions to save; if none are given, read ids from standard input, one per line"
    )
    restoring = commands.add_parser(
        "restore", help="create the sessions that standard input contains; print old and new ids"
    )
    restoring.add_argument("--ttl", type=int, help="seconds to live; default: what the saved session had left")
    for command in (saving, restoring):
        command.add_argument("--url", required=True, help="for example http://127.0.0.1:8000")
    options = parser.parse_args()
    try:
        sys.exit(int(run(options)))
    except (Unauthorized, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


def run(options: argparse.Namespace) -> bool:
    """Print the results. Returns whether one is an error. Raises Unauthorized, and ValueError for a malformed key."""
    failed = False
    with Kato(options.url, accept_unidentified=True) as kato:
        if options.command == "save":
            results = _save_all(kato, options.session_ids or map(str.strip, sys.stdin))
        else:
            results = _restore_all(kato, sys.stdin, options.ttl)
        for result in results:
            failed = failed or "error" in result
            print(json.dumps(result, ensure_ascii=False), flush=True)
    return failed


if __name__ == "__main__":
    main()
