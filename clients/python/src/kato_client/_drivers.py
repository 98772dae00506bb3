"""The drivers do what an exchange asks for. Only they send and wait."""

import asyncio
import time
from typing import TypeVar

import httpx

from kato_client._exchange import Acquire, Outcome, Send, Wait, Work

T = TypeVar("T")


def _build(http: httpx.Client | httpx.AsyncClient, base_url: str, send: Send) -> httpx.Request:
    return http.build_request(
        send.method, base_url + send.path, params=send.query or None, json=send.body, headers=send.headers
    )


class Driver:
    def __init__(self, http: httpx.Client, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    def do(self, work: Work[T]) -> T:
        outcome: Outcome = None
        try:
            while True:
                step = work.send(outcome)
                outcome = None
                match step:
                    case Send():
                        try:
                            outcome = self._http.send(_build(self._http, self._base_url, step))
                        except httpx.TransportError as error:
                            outcome = error
                    case Wait(seconds):
                        time.sleep(seconds)
                    case Acquire(lock):
                        lock.acquire()
        except StopIteration as end:
            answer: T = end.value
            return answer
        finally:
            work.close()


class AsyncDriver:
    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._base_url = base_url

    async def do(self, work: Work[T]) -> T:
        outcome: Outcome = None
        try:
            while True:
                step = work.send(outcome)
                outcome = None
                match step:
                    case Send():
                        try:
                            outcome = await self._http.send(_build(self._http, self._base_url, step))
                        except httpx.TransportError as error:
                            outcome = error
                    case Wait(seconds):
                        await asyncio.sleep(seconds)
                    case Acquire(lock):
                        await lock.acquire()
        except StopIteration as end:
            answer: T = end.value
            return answer
        finally:
            work.close()
