"""`python -m katoproject.server HOST PORT WORKERS`."""

import argparse
import multiprocessing
from functools import partial
from importlib import import_module
from typing import Any, cast

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.common import AbstractServer

from katoproject.configuration.environment import BACKLOG, read_environment
from katoproject.configuration.exposure import Exposed, check_exposure
from katoproject.configuration.locations import data_dir
from katoproject.server import loop
from katoproject.server.files import SPARE, allow_files_for
from katoproject.server.worker import run_worker

# Bytes of one connection that Granian keeps in memory: the longest head, and what has arrived of a body.
MOST_BUFFERED = 128 * 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m katoproject.server")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("workers", type=int)
    options = parser.parse_args()
    try:
        check_exposure(read_environment(), options.host)
    except Exposed as reason:
        raise SystemExit(str(reason)) from None
    serve(
        "katoproject.server.wsgi:application",
        preload="katoproject.server.preload",
        host=options.host,
        port=options.port,
        workers=options.workers,
    )


def serve(application: str, *, preload: str | None = None, host: str, port: int, workers: int) -> None:
    """Serve a WSGI application, `module:name`, until SIGINT or SIGTERM. Loading it must set up Django.

    preload: a module that the workers get from their parent process, if the system forks processes.
    """
    environment = read_environment()
    server = Granian(
        application,
        address=host,
        port=port,
        workers=workers,
        interface=Interfaces.ASGINL,
        loop=cast(Loops, loop.NAME),
        http=HTTPModes.http1,
        backlog=BACKLOG,
        backpressure=allow_files_for(environment.connections + SPARE),
        http1_settings=HTTP1Settings(
            # Of a head, and between two requests.
            header_read_timeout=int(environment.idle_timeout * 1000),
            max_buffer_size=MOST_BUFFERED,
        ),
        respawn_failed_workers=True,
        workers_kill_timeout=5,
        static_path_route=["/static"],
        static_path_mount=[data_dir() / "static"],
        log_level=LogLevels(environment.log_level.lower()),
    )
    if preload is not None and multiprocessing.get_start_method() == "fork":
        server.on_startup(partial(_load, preload, server))
    server.serve(spawn_target=run_worker)


def _load(module: str, server: AbstractServer[Any]) -> None:
    """Called by the server once it handles signals."""
    import_module(module)
    if server.interrupt_signal:
        # Came meanwhile. Workers would be forked all the same, and lose the signal that shall end them.
        server.shutdown()  # type: ignore[no-untyped-call]
        raise SystemExit


if __name__ == "__main__":
    main()
