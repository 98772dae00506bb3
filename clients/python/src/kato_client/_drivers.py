"""The drivers do what an exchange asks for. Only they send and wait."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from typing import TypeVar

import httpx

from kato_client._exchange import Acquire, Outcome, Receive, Send, Wait, Work

T = TypeVar("T")


def _build(http: httpx.Client | httpx.AsyncClient, base_url: str, send: Send) -> httpx.Request:
    return http.build_request(
        send.method,
        base_url + send.path,
        params=send.query or None,
        json=send.body,
        content=send.lines,
        headers=send.headers,
    )


class Driver:
    def __init__(self, http: httpx.Client, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    def do(self, work: Work[T]) -> T:
        outcome: Outcome = None
        body: Iterator[bytes] = iter(())
        with closing(work), ExitStack() as responses:
            while True:
                try:
                    step = work.send(outcome)
                except StopIteration as end:
                    answer: T = end.value
                    return answer
                outcome = None
                try:
                    match step:
                        case Send(in_parts=True):
                            responses.close()
                            request = _build(self._http, self._base_url, step)
                            outcome = response = self._http.send(request, stream=True)
                            responses.callback(response.close)
                            body = response.iter_bytes()
                            if not response.is_success:
                                response.read()
                        case Send():
                            outcome = self._http.send(_build(self._http, self._base_url, step))
                        case Receive():
                            outcome = next(body, None)
                        case Wait(seconds):
                            time.sleep(seconds)
                        case Acquire(lock):
                            lock.acquire()
                except httpx.TransportError as error:
                    outcome = error


class AsyncDriver:
    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def do(self, work: Work[T]) -> T:
        outcome: Outcome = None
        body: AsyncIterator[bytes] | None = None
        with closing(work):
            async with AsyncExitStack() as responses:
                while True:
                    try:
                        step = work.send(outcome)
                    except StopIteration as end:
                        answer: T = end.value
                        return answer
                    outcome = None
                    try:
                        match step:
                            case Send(in_parts=True):
                                await responses.aclose()
                                request = _build(self._http, self._base_url, step)
                                outcome = response = await self._http.send(request, stream=True)
                                responses.push_async_callback(response.aclose)
                                body = response.aiter_bytes()
                                if not response.is_success:
                                    await response.aread()
                            case Send():
                                outcome = await self._http.send(_build(self._http, self._base_url, step))
                            case Receive():
                                outcome = None if body is None else await anext(body, None)
                            case Wait(seconds):
                                await asyncio.sleep(seconds)
                            case Acquire(lock):
                                await lock.acquire()
                    except httpx.TransportError as error:
                        outcome = error
