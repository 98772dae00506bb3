"""A WSGI application that returns the request it received."""

import json
import time
from collections.abc import Iterable
from typing import Any

import katoproject.server.wsgi  # noqa: F401  sets up Django, which the server needs
from foundation.http.departure import client_has_gone

# Seconds that long work takes when nobody leaves.
LONG = 20.0

# How many requests with long work are being worked on, and how many have noticed that their client left.
working = {"now": 0, "left": 0}

# The number of open streams, and how many numbers have been sent in all.
streaming = {"now": 0, "sent": 0}


def numbers(how_many: int) -> Iterable[bytes]:
    streaming["now"] += 1
    try:
        for number in range(how_many):
            streaming["sent"] += 1
            yield b"%d" % number * 1000
    finally:
        streaming["now"] -= 1


def work_long(until: float) -> list[bytes]:
    """Work in small steps until the client has gone, for tests of just that."""
    working["now"] += 1
    try:
        while time.monotonic() < until:
            if client_has_gone():
                working["left"] += 1
                break
            time.sleep(0.01)
    finally:
        working["now"] -= 1
    return [b"done"]


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("broken on purpose")
    if environ["PATH_INFO"] == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return numbers(int(environ["QUERY_STRING"]))
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/long":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return work_long(time.monotonic() + float(environ["QUERY_STRING"] or LONG))
    told = {name: value for name, value in environ.items() if not name.startswith("wsgi.")}
    told |= {
        "streaming": streaming,
        "working": working,
        "length": len(body),
        "same": len(set(body)) <= 1,
        "threads": environ["wsgi.multithread"],
    }
    start_response("201 Created", [("X-One", "1"), ("X-One", "2"), ("Content-Type", "application/json")])
    return [json.dumps(told).encode()]
