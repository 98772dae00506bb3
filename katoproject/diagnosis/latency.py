"""How long it takes from a write's acknowledgement by one process until a response of another process shows it.

The reader asks at once and repeats until a response shows the write. So the minimum is the time of one read. Each
response that came too early is counted: a service that keeps its promise has none.
"""

import http
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from katoproject.diagnosis.remote import BaseUrl, Connection
from sessions_app.cache import WORTH_CACHING

PATIENCE = 10.0  # seconds until a write counts as lost
# Connections opened to find a second process. The kernel divides them among the processes, so this is far more than
# there are processes.
MOST_TRIES = 64
SHORT, LONG = 10, WORTH_CACHING + 8  # events; a long STM is read through the cache
TTL = 600
_NEEDED = "the scope admin, for nodes that begin with latency-"

Progress = Callable[[int], None]


def _ignore(more: int) -> None:
    pass


class UnexpectedResponse(Exception):
    """The service did not do what is measured here. The text names its response."""


@dataclass
class Distribution:
    """Seconds, one value for each write. `too_early`: reads, begun after the acknowledgement, that did not show it."""

    name: str
    times: list[float] = field(default_factory=list)
    too_early: int = 0

    def in_milliseconds(self) -> dict[str, float]:
        ordered = sorted(self.times)
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
        at = {name: min(len(ordered) - 1, int(len(ordered) * share)) for name, share in shares.items()}
        return {name: round(ordered[position] * 1000, 3) for name, position in at.items()}


@dataclass(frozen=True)
class Pair:
    """A connection to the process that writes and one to the process that reads."""

    writer: Connection
    reader: Connection
    are_two_processes: bool


@contextmanager
def two_processes(url: BaseUrl, token: str | None = None) -> Iterator[Pair]:
    """Connections to two processes, if there are two that name themselves. Raises OSError, HTTPException."""
    writer = _first_connection(url, token)
    opened = [writer]
    try:
        writer_identity = reader_identity = writer.request("GET", "/").identity
        while reader_identity == writer_identity and len(opened) <= MOST_TRIES:
            opened.append(Connection(url, writer.address, token=token))
            reader_identity = opened[-1].request("GET", "/").identity
        yield Pair(writer, opened[-1], reader_identity != writer_identity)
    finally:
        for connection in opened:
            connection.close()


def _first_connection(url: BaseUrl, token: str | None) -> Connection:
    *others, last = url.addresses()
    for address in others:
        try:
            return Connection(url, address, token=token)
        except OSError:
            continue  # the error of the last address is raised
    return Connection(url, last, token=token)


def measure(pair: Pair, samples: int, progress: Progress) -> list[Distribution]:
    """Calls `progress` three times `samples` times. Raises AccessDenied, UnexpectedResponse, OSError, HTTPException."""
    learned = learn_then_predict(pair, samples, progress)
    return [
        observe_then_read(pair, SHORT, samples, progress)[0],
        *observe_then_read(pair, LONG, samples, progress),
        learned,
    ]


def observe_then_read(pair: Pair, length: int, samples: int, progress: Progress = _ignore) -> list[Distribution]:
    """Times of the first read after each write, and of a second one, which finds the cache filled by the first."""
    session = _create(pair.writer, f"latency-{uuid.uuid4().hex}")
    for number in range(length):
        _post(pair.writer, f"{session}/observe", {"strings": [f"before-{number}"]})
    first = Distribution(f"observe → read of an STM of {length}")
    again = Distribution(f"read again, STM of {length}")
    for number in range(samples):
        event = [f"event-{number}"]
        _post(pair.writer, f"{session}/observe", {"strings": event})
        _time_until(first, partial(_is_last, event, session, pair.reader))
        _time_until(again, partial(_is_last, event, session, pair.reader))
        progress(1)
    _ask(pair.writer, "DELETE", session)
    return [first, again]


def learn_then_predict(pair: Pair, samples: int, progress: Progress = _ignore) -> Distribution:
    node = f"latency-{uuid.uuid4().hex}"
    teacher, predictor = _create(pair.writer, node), _create(pair.reader, node)
    # An access key that may not do this fails now, when there is nothing to leave behind.
    _post(pair.writer, f"{teacher}/clear-all")
    found = Distribution("learn → predict")
    for number in range(samples):
        # New symbols each time: then only this pattern can be predicted.
        event = [f"kettle-{number}", f"water-{number}"]
        _post(pair.reader, f"{predictor}/clear-stm")
        _post(pair.reader, f"{predictor}/observe", {"strings": event})
        _post(pair.writer, f"{teacher}/observe", {"strings": event})
        _post(pair.writer, f"{teacher}/observe", {"strings": [f"tea-{number}"]})
        name = _post(pair.writer, f"{teacher}/learn")["pattern_name"].removeprefix("PTRN|")
        _time_until(found, partial(_is_predicted, name, predictor, pair.reader))
        progress(1)
    _post(pair.writer, f"{teacher}/clear-all")
    for session in (teacher, predictor):
        _ask(pair.writer, "DELETE", session)
    return found


def _is_last(event: list[str], session: str, reader: Connection) -> bool:
    return bool(_get(reader, f"{session}/stm")["stm"][-1:] == [event])


def _is_predicted(name: str, session: str, reader: Connection) -> bool:
    return any(prediction["name"] == name for prediction in _get(reader, f"{session}/predictions")["predictions"])


def _time_until(distribution: Distribution, shown: Callable[[], bool]) -> None:
    begun = time.perf_counter()
    while not shown():
        distribution.too_early += 1
        if time.perf_counter() - begun > PATIENCE:
            raise UnexpectedResponse(
                f"{distribution.name}: an acknowledged write could not be read after {PATIENCE:g} s"
            )
    distribution.times.append(time.perf_counter() - begun)


def _create(by: Connection, node: str) -> str:
    """The path of a new session."""
    return f"/sessions/{_post(by, '/sessions', {'node_id': node, 'ttl_seconds': TTL})['session_id']}"


def _post(by: Connection, path: str, body: Any = None) -> Any:
    return _ask(by, "POST", path, body)


def _get(by: Connection, path: str) -> Any:
    return _ask(by, "GET", path)


def _ask(by: Connection, method: str, path: str, body: Any = None) -> Any:
    answer = by.request(method, path, body)
    answer.require_access(_NEEDED)
    if answer.status != http.HTTPStatus.OK:
        raise UnexpectedResponse(
            f"{answer.program} at {answer.address} answers {method} {path} with {answer.status}: {answer.body}"
        )
    return answer.body
