"""Who answers where clients ask: on every address of the service's port, is it this service, and nothing else?

`localhost` has two addresses. Where two programs share the port, one on each or both on one, clients reach now this one
and now that one, and a session that was created a moment ago is not there: the incident that this service began with.
"""

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.diagnosis.remote import Answer, BaseUrl, Connection
from katoproject.launcher.preflight import COVERS_LOOPBACK, LOOPBACK
from sessions_app import reads
from sessions_app.reads import listing

PATIENCE = 2.0  # seconds for one answer
ASKED = 8  # connections to each address: processes that share a port take them in turn

_CHECK = "port"


@dataclass(slots=True)
class _Heard:
    """On one address. `silence`: why nobody answered, where nobody did."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    silence: OSError | http.client.HTTPException | None = None

    @property
    def instances(self) -> set[str]:
        return {found[1] for one in self.answers if (found := re.search(r"instance ([^;)]+)", one.identity))}

    @property
    def strangers(self) -> list[str]:
        return sorted({one.program for one in self.answers if not one.is_kato})


def address() -> Iterator[Finding]:
    host, port = settings.ENV.host, settings.ENV.port
    heard = [_listen(one, port) for one in (LOOPBACK if host in COVERS_LOOPBACK else (host,))]
    wrong = [*_strangers(heard, port), *_several(heard, port)]
    yield from wrong
    if not any(one.answers for one in heard):
        yield from _nobody(heard, port)
        return
    if not wrong:
        yield from _everywhere(heard, host, port)
        yield from _same_database(heard, port)


def _listen(address: str, port: int) -> _Heard:
    heard = _Heard(address)
    for _ in range(ASKED):
        try:
            connection = Connection(BaseUrl("http", address, port, ""), address, timeout=PATIENCE)
            try:
                heard.answers.append(connection.request("GET", "/health"))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            heard.silence = error
            break  # who does not answer once need not be waited for again
    return heard


def _strangers(heard: list[_Heard], port: int) -> Iterator[Finding]:
    for one in heard:
        for program in one.strangers:
            yield problem(
                _CHECK,
                f"{program} answers on {_at(one.address, port)}: clients that say localhost reach it instead of this "
                "service, or now this one and now that",
                f"stop it{_listener(port)}, or set PORT to another number",
            )
        if not one.answers and isinstance(one.silence, (http.client.HTTPException, TimeoutError)):
            yield problem(
                _CHECK,
                f"something takes connections on {_at(one.address, port)} and does not answer as a web server does: "
                "clients that reach it hang or fail",
                f"stop it{_listener(port)}, or restart the service if it is that",
            )


def _several(heard: list[_Heard], port: int) -> Iterator[Finding]:
    instances = {one.address: one.instances for one in heard if one.instances}
    together = set().union(*instances.values())
    if len(together) > 1:
        told = "; ".join(f"{_at(address, port)}: {', '.join(sorted(ids))}" for address, ids in instances.items())
        yield problem(
            _CHECK,
            f"{len(together)} services share this port ({told}): a client reaches now one and now another",
            f"stop all but one{_listener(port)}; each needs a PORT of its own",
        )


def _nobody(heard: list[_Heard], port: int) -> Iterator[Finding]:
    silent = [one for one in heard if not isinstance(one.silence, (http.client.HTTPException, TimeoutError))]
    if len(silent) == len(heard):
        where = " and ".join(_at(one.address, port) for one in heard)
        yield problem(
            _CHECK,
            f"nobody answers on {where}",
            "start the service (`make run`), or set HOST and PORT as it has them",
        )


def _everywhere(heard: list[_Heard], host: str, port: int) -> Iterator[Finding]:
    answering = [one for one in heard if one.answers]
    found = f"{answering[0].answers[0].program} on {' and '.join(_at(one.address, port) for one in answering)}"
    silent = [one.address for one in heard if not one.answers and isinstance(one.silence, ConnectionRefusedError)]
    if silent and host in (*LOOPBACK, "localhost"):
        yield warning(
            _CHECK,
            f"{found}, nobody on {silent[0]}: whoever takes that gets requests of clients that say localhost",
            "start the service with `make run`, which serves both",
        )
    else:
        yield ok(_CHECK, found)


def _same_database(heard: list[_Heard], port: int) -> Iterator[Finding]:
    """Whether the service knows the newest session that this command sees."""
    try:
        newest = next(listing.sessions(liveness=listing.Liveness.ACTIVE, limit=1), None)
        if newest is None:
            return
        where = next(one.address for one in heard if one.answers)
        connection = Connection(BaseUrl("http", where, port, ""), where, timeout=PATIENCE)
        try:
            answer = connection.request("GET", f"/sessions/{newest.session_id}/exists")
        finally:
            connection.close()
        known_there = answer.status == http.HTTPStatus.OK and answer.body["exists"]
        if known_there or not reads.existence(newest.session_id).exists:
            yield ok("same database", "the service knows the newest session that is stored")
        else:
            yield problem(
                "same database",
                f"the service does not know session {newest.session_id}, which is in this command's database",
                "set DATABASE_URL or KATO_DATA_DIR as the service has them",
            )
    except (DatabaseError, InterfaceError, OSError, http.client.HTTPException):
        return  # said by other examinations


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _listener(port: int) -> str:
    """Which processes listen there, as far as this account may know: ` (pid 4711 python)`."""
    try:
        pids = {
            one.pid for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == port and not one.raddr
        }
        names = [f"pid {pid} {psutil.Process(pid).name()}" for pid in sorted(filter(None, pids))]
    except psutil.Error:
        return ""  # another account's, or it has just ended
    return f" (listening there: {', '.join(names)})" if names else ""
