"""`python -m benchmarks.baseline --port 8001 --workers 2`: uvicorn with the baseline."""

import argparse
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

# uvicorn's 5 s are too few on a busy machine: `latency` leaves its reader idle during 520 observes of its writer.
IDLE_SECONDS = 120


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baseline")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--host", action="append", help="an address to listen on; may be given twice (127.0.0.1)")
    parser.add_argument("--app", default="benchmarks.baseline.app:app", help="which variant")
    options = parser.parse_args()
    config = uvicorn.Config(
        options.app,
        workers=options.workers,
        access_log=False,
        log_level="critical",
        timeout_keep_alive=IDLE_SECONDS,
    )
    listeners = [_listener(host, options.port) for host in options.host or ["127.0.0.1"]]
    Multiprocess(config, sockets=listeners).run()


def _listener(host: str, port: int) -> socket.socket:
    # Opened here with an explicit protocol, because asyncio sets TCP_NODELAY only then. On the socket that uvicorn
    # opens for several workers each response would wait 40 ms for an acknowledgement, which is no part of the design.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind((host, port))
    return listener


if __name__ == "__main__":
    main()
