"""Clients of `/ws/events`."""

import asyncio
import json
import random
import time

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from benchmarks.torture.history import Event, Listening
from benchmarks.torture.workload.client import Run

STAY = (15.0, 60.0)  # seconds after which a listener connects again, to another host
LAST_EVENTS = 3.0  # seconds for which it stays after the last request


async def listen(run: Run, name: str) -> None:
    chance = random.Random(f"{run.seed} {name}")
    number = 0
    while run.goes_on():
        number += 1
        port = run.ports[number % len(run.ports)]
        try:
            await _listen_once(run, f"{name}-{number}", port, chance.uniform(*STAY))
        except (OSError, InvalidHandshake, TimeoutError):
            await asyncio.sleep(0.3)


async def _listen_once(run: Run, name: str, port: int, seconds: float) -> None:
    url = f"ws://127.0.0.1:{port}/ws/events"
    # Without the pings of the library: what a listener gets must not depend on what it sends.
    async with connect(url, proxy=None, ping_interval=None, open_timeout=10, close_timeout=5) as connection:
        start: float | None = None
        leaving = asyncio.create_task(_leave(run, seconds))
        try:
            while True:
                receiving = asyncio.ensure_future(connection.recv())
                await asyncio.wait({receiving, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    receiving.cancel()
                    break
                event = json.loads(receiving.result())
                start = start or time.monotonic()
                run.counts["events"] += 1
                run.recorder.add(Event(name, time.monotonic(), event))
        except WebSocketException:
            pass  # closed by the server, or lost: the record says until when it was there
        finally:
            leaving.cancel()
            if start is not None:
                run.recorder.add(Listening(name, start, time.monotonic()))


async def _leave(run: Run, seconds: float) -> None:
    """Return when it is time to go: at the end of the run only after all events should have come."""
    try:
        async with asyncio.timeout(seconds):
            await run.ends.wait()
    except TimeoutError:
        return
    await run.idle.wait()
    await asyncio.sleep(LAST_EVENTS)
