"""`python -m benchmarks.baseline --port 8001 --workers 2`: uvicorn with the baseline."""

import argparse
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.baseline")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    config = uvicorn.Config(
        "benchmarks.baseline.app:app", workers=options.workers, access_log=False, log_level="critical"
    )
    # Opened here with its protocol named, because asyncio sets TCP_NODELAY only then. On the socket that uvicorn opens
    # for several workers each answer would wait 40 ms for an acknowledgement: not what is to be measured.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", options.port))
        Multiprocess(config, sockets=[listener]).run()


if __name__ == "__main__":
    main()
