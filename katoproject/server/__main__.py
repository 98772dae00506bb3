"""`python -m katoproject.server HOST PORT WORKERS`."""

import argparse
from typing import cast

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels

from katoproject.configuration.environment import BACKLOG, read_environment
from katoproject.configuration.exposure import Exposed, check_exposure
from katoproject.configuration.locations import data_dir
from katoproject.server import loop
from katoproject.server.worker import run_worker


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
    serve("katoproject.server.wsgi:application", host=options.host, port=options.port, workers=options.workers)


def serve(application: str, *, host: str, port: int, workers: int) -> None:
    """Serve a WSGI application, `module:name`, until SIGINT or SIGTERM. Loading it must set up Django."""
    server = Granian(
        application,
        address=host,
        port=port,
        workers=workers,
        interface=Interfaces.ASGINL,
        loop=cast(Loops, loop.NAME),
        http=HTTPModes.http1,
        backlog=BACKLOG,
        backpressure=1024,
        respawn_failed_workers=True,
        workers_kill_timeout=5,
        static_path_route=["/static"],
        static_path_mount=[data_dir() / "static"],
        log_level=LogLevels(read_environment().log_level.lower()),
    )
    server.serve(spawn_target=run_worker)


if __name__ == "__main__":
    main()
