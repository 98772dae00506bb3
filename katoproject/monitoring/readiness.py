"""The parts that the service stands on, and whether each of them works now."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from django.db import Error as DatabaseTrouble
from django_redis import get_redis_connection
from kombu import Connection
from kombu.exceptions import OperationalError as BrokerError
from redis import Redis
from redis.exceptions import RedisError

from foundation.asking import Asker, NoAnswer, SharedLook
from foundation.background import celery_app
from foundation.postgresql import fitness, migrations
from katoproject.monitoring import clocks, latest, neighbours, places, redis_trouble
from katoproject.monitoring.snapshot import Shared
from katoproject.upkeep import records
from sessions_app.jobs import lifecycle
from sessions_app.jobs.lifecycle import Backlog

logger = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that a check of one part may take
_SHOWN = 3  # complaints

# Of any deployment, because its own names are known from the database alone.
_WRITTEN = "kato:written"


class NotWell(Exception):
    """A part that answers, but is not as it should be; the message says what helps."""


@dataclass(frozen=True, slots=True)
class Part:
    """`required`: whether requests need what it does not do now; without the others the service is slower."""

    ok: bool
    required: bool
    latency_ms: float | None
    error: str | None


def _check_database() -> None:
    fitness.check()
    migrations.check()


def _check_redis() -> None:
    _check_that_it_stores(get_redis_connection("redis"))


def _check_that_it_stores(redis: Redis) -> None:
    """Only a write shows that it is no replica, has memory left and may save what it is given."""
    redis.set(_WRITTEN, "", ex=60)


@contextmanager
def _broker() -> Iterator[Connection]:
    # In half of the time: a part that says nothing at all leaves no time to say what helps.
    options = {"socket_timeout": PATIENCE / 2, "socket_connect_timeout": PATIENCE / 2}
    with celery_app().connection_for_write(connect_timeout=PATIENCE / 2, transport_options=options) as broker:
        # The second attempt comes at once: after a pause there would be no time left to say why the first one failed.
        broker.ensure_connection(max_retries=1, interval_start=0, timeout=int(PATIENCE / 2))
        yield broker


def _check_broker() -> None:
    with _broker() as broker:
        _check_that_it_stores(cast(Any, broker.default_channel).client)


def _check_worker() -> None:
    with _broker() as broker:
        if not celery_app().control.ping(timeout=PATIENCE / 2, limit=1, connection=broker):
            raise BrokerError("no worker answered")


def _check_upkeep() -> None:
    shared = _last_shared()
    refusal = shared.write_refusal and (
        f"PostgreSQL refuses writes ({shared.write_refusal}): see {'disk' if shared.database_disk_full else 'database'}"
    )
    if complaint := records.complaint(records.read(), refusal):
        raise NotWell("; ".join(complaint))


def _check_clock() -> None:
    """Of this host, and of those that share its database: theirs may have no web process that says so."""
    if (last := latest.read()) is None:
        return
    clocks_ahead = {"this machine": last.snapshot.clock_ahead}
    clocks_ahead |= {f"the host of instance {other.instance}": other.clock_ahead for other in last.others}
    found = (clocks.complaint(whose, ahead) for whose, ahead in clocks_ahead.items() if ahead is not None)
    _raise_for(complaint for complaint in found if complaint is not None)


def _check_neighbours() -> None:
    if (seen := _last_shared().neighbours) is not None:
        _raise_for(neighbours.complaints(seen))


def _raise_for(complaints: Iterable[tuple[str, str]]) -> None:
    texts = ["; ".join(complaint) for complaint in complaints]
    if texts:
        more = [f"and {len(texts) - _SHOWN} more"] if texts[_SHOWN:] else []
        raise NotWell(". ".join(texts[:_SHOWN] + more))


def _check_disk() -> None:
    complaint, shared = places.complaint(), _last_shared()
    if complaint is None and shared.database_disk_full:
        complaint = f"PostgreSQL refuses writes: {shared.write_refusal}", "free space on the disk of PostgreSQL"
    if complaint is not None:
        raise NotWell("; ".join(complaint))


def _last_shared() -> Shared:
    last = latest.read()
    return Shared() if last is None else last.snapshot.shared


# Name → its check, and whether requests need it. Without Redis they are slower; without broker, worker and upkeep
# only background work waits. With a full disk reads go on, and PostgreSQL says itself what it can write. The last two
# change no response: they tell operators what to tidy up.
PARTS: dict[str, tuple[Callable[[], None], bool]] = {
    "database": (_check_database, True),
    "redis": (_check_redis, False),
    "broker": (_check_broker, False),
    "worker": (_check_worker, False),
    "upkeep": (_check_upkeep, False),
    "disk": (_check_disk, False),
    "clock": (_check_clock, False),
    "neighbours": (_check_neighbours, False),
}
_OF_REDIS = ("redis", "broker", "worker")
_askers = {name: Asker() for name in PARTS}
_backlog_asker = Asker()
# One thread more than there are parts: the backlog is read at the same time.
_threads = ThreadPoolExecutor(len(PARTS) + 1, thread_name_prefix="ready")


def _check_parts() -> dict[str, Part]:
    return dict(zip(PARTS, _threads.map(_part, PARTS), strict=True))


# A broker without workers lets each look take a second, and anybody may ask, in any number of threads.
_look = SharedLook(_check_parts)


def parts() -> dict[str, Part]:
    """The state of each part, all checked at the same time, after this call began."""
    return _look.since(time.monotonic())


# What was asked and the type of an error that no code expects: logged once, not at every look.
_logged: set[tuple[str, type[Exception]]] = set()


def _is_new(asked: str, error: Exception) -> bool:
    seen = (asked, type(error))
    known = seen in _logged
    _logged.add(seen)
    return not known


def _part(name: str) -> Part:
    check, required = PARTS[name]
    try:
        _, seconds = _askers[name].ask(check, patience=PATIENCE)
    except NoAnswer:
        text = _with_remedy("no answer in time", None) if name in _OF_REDIS else "no answer in time"
        return Part(ok=False, required=required, latency_ms=None, error=text)
    except fitness.OnlyReads as error:
        # Not a reason to take the service away from those who read.
        return Part(ok=False, required=False, latency_ms=None, error=str(error))
    except NotWell as reason:
        return Part(ok=False, required=required, latency_ms=None, error=str(reason))
    except DatabaseTrouble as error:
        return Part(ok=False, required=required, latency_ms=None, error=f"{type(error).__name__}: {error}")
    except (RedisError, BrokerError, OSError) as error:
        text = _with_remedy(f"{type(error).__name__}: {error}", error)
        return Part(ok=False, required=required, latency_ms=None, error=text)
    except Exception as error:
        # The other parts are worth knowing all the same. Its text is for the log alone: nobody knows what it may show.
        if _is_new(name, error):
            logger.exception("readiness cannot check the part %s", name)
        return Part(ok=False, required=required, latency_ms=None, error=f"{type(error).__name__}; see the log")
    return Part(ok=True, required=required, latency_ms=round(seconds * 1000, 3), error=None)


def _with_remedy(text: str, error: Exception | None) -> str:
    remedy = redis_trouble.remedy(error)
    return f"{text}; {remedy}" if remedy else text


def backlog() -> Future[Backlog | None]:
    """The waiting jobs, read in a thread while the caller checks the parts; None without the database."""
    return _threads.submit(_backlog)


def _backlog() -> Backlog | None:
    try:
        return _backlog_asker.ask(lifecycle.backlog, patience=PATIENCE)[0]
    except (DatabaseTrouble, NoAnswer):
        return None
    except Exception as error:
        if _is_new("backlog", error):
            logger.exception("readiness cannot read the backlog")
        return None
