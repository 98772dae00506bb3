"""The two programs behind one name, each of which records its requests: `benchmarks.baseline --app …:kato`."""

import asyncio
import json
import os
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.baseline import faults

RECORD = "INVESTIGATION_RECORD"
# uvicorn sends head and body of a response in two packets, and a client may or may not receive them as one, by
# microseconds. With this header in the request, the body follows BODY_AFTER seconds later, so that it never does.
APART = {"X-Body-Apart": "yes"}
BODY_AFTER = 0.1


class Recording:
    """Writes a line for each request: trace id, method, path, and the status of the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._file = Path(os.environ[RECORD])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace = dict(scope["headers"]).get(b"x-trace-id", b"").decode()
                line = json.dumps([trace, scope["method"], scope["path"], message["status"]])
                with self._file.open("a") as file:
                    file.write(f"{line}\n")
            await send(message)

        await self._app(scope, receive, noting if scope["type"] == "http" else send)


class BodyApart:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def later(message: Message) -> None:
            if message["type"] == "http.response.body":
                await asyncio.sleep(BODY_AFTER)
            await send(message)

        is_apart = scope["type"] == "http" and any(name == b"x-body-apart" for name, _ in scope["headers"])
        await self._app(scope, receive, later if is_apart else send)


_other = FastAPI()


@_other.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy", "service_name": "another program"}


@_other.get("/")
async def root() -> dict[str, int]:
    return {"pid": os.getpid()}


if RECORD in os.environ:
    kato = Recording(BodyApart(faults.complete))
    stranger = Recording(_other)
