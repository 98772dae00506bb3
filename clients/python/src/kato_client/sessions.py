"""Save sessions as lines of JSON and restore them: `python -m kato_client.sessions save|restore --url …`.

This saves node, contract, configuration, metadata and STM. What the API does not show is lost: emotives and metadata
that were observed but not learned yet, and the session's full time to live; only the time left is visible.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import IO, Any, NotRequired, TypedDict, cast, get_args

from kato_client import types
from kato_client._access import HELP
from kato_client._client import Kato
from kato_client.errors import KatoError, Unauthorized


class SavedSession(TypedDict):
    """`contract`: a session that does not have it was saved before there were any, so it is of 3.10."""

    session_id: str
    node_id: str
    contract: NotRequired[types.Contract]
    metadata: types.Metadata
    ttl_seconds: int
    config: dict[str, Any]
    stm: types.Events


def save(kato: Kato[Any], session_id: str) -> SavedSession:
    """Read a session. Raises KatoError."""
    session = kato.attach(session_id)
    info = session.info()
    return {
        "session_id": session_id,
        "node_id": info["node_id"],
        "contract": contract_of(info["session_config"]),
        "metadata": info["metadata"],
        "ttl_seconds": info["ttl_seconds"],
        "config": info["session_config"],
        "stm": session.stm()["stm"],
    }


def contract_of(config: Mapping[str, Any]) -> types.Contract:
    """KATO does not name it, but a configuration in force has the keys of one: those of vectors came with KATO 6.1."""
    return "6.3" if "vector_event_mode" in config else "3.10"


def restore(kato: Kato[Any], saved: SavedSession, *, ttl_seconds: int | None = None) -> str:
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


def _save_all(kato: Kato[Any], session_ids: Iterable[str]) -> Iterator[dict[str, Any]]:
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


def _restore_all(
    clients: Mapping[types.Contract, Kato[Any]], lines: IO[str], ttl_seconds: int | None
) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            saved = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number} is not JSON: {error}") from None
        if "node_id" not in saved:
            continue  # the first line, the last line, and sessions that could not be saved
        kato = clients.get(contract := saved.get("contract") or "3.10")
        if kato is None:
            yield {"old": saved["session_id"], "error": f"contract {contract!r} is not known to this program"}
            continue
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
    """Print the results. Returns whether one is an error. Raises Unauthorized, and ValueError for a malformed key or
    line."""
    failed = False
    with ExitStack() as open_clients:

        def client(contract: types.Contract | None) -> Kato[Any]:
            return open_clients.enter_context(Kato[Any](options.url, contract=contract, accept_unidentified=True))

        if options.command == "save":
            results = _save_all(client(None), options.session_ids or map(str.strip, sys.stdin))
        else:
            clients = {contract: client(contract) for contract in get_args(types.Contract)}
            results = _restore_all(clients, sys.stdin, options.ttl)
        for result in results:
            failed = failed or "error" in result
            print(json.dumps(result, ensure_ascii=False), flush=True)
    return failed


if __name__ == "__main__":
    main()
