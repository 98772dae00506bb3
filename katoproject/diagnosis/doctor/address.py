"""Which program answers where clients connect: is it this service, and no other, on every address of its port?

`localhost` has two addresses. When two programs share the port, one on each address or both on one, clients reach
either of them, and a session that was just created is missing: the incident that this service began with.
"""

import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from access_app.models import AccessKey
from access_app.tokens import key_id_of
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.diagnosis.remote import Answer, BaseUrl, Connection, access_key
from katoproject.launcher.preflight import COVERS_LOOPBACK, LOOPBACK
from sessions_app import reads
from sessions_app.reads import listing

PATIENCE = 2.0  # seconds for one response
CONNECTIONS = 8  # to each address: the kernel divides them among processes that share a port

_CHECK = "port"


@dataclass(slots=True)
class _Probe:
    """The responses from one address. `error`: why the last request had none."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    error: OSError | http.client.HTTPException | None = None

    @property
    def accepts_without_http(self) -> bool:
        """Whether a program accepts connections but does not speak HTTP, or not in time."""
        return isinstance(self.error, (http.client.HTTPException, TimeoutError))

    @property
    def instances(self) -> set[str]:
        return {found[1] for one in self.answers if (found := re.search(r"instance ([^;)]+)", one.identity))}

    @property
    def strangers(self) -> list[str]:
        return sorted({one.program for one in self.answers if not one.is_kato})


def address() -> Iterator[Finding]:
    host, port = settings.ENV.host, settings.ENV.port
    probes = [_probe(one, port) for one in (LOOPBACK if host in COVERS_LOOPBACK else (host,))]
    wrong = [*_strangers(probes, port), *_several(probes, port)]
    yield from wrong
    if not any(one.answers for one in probes):
        yield from _no_program(probes, port)
        return
    if not wrong:
        yield from _this_service(probes, host, port)
        yield from _same_database(probes, port)


def _probe(address: str, port: int) -> _Probe:
    probe = _Probe(address)
    for _ in range(CONNECTIONS):
        try:
            connection = Connection(BaseUrl("http", address, port, ""), address, timeout=PATIENCE)
            try:
                probe.answers.append(connection.request("GET", "/health"))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            probe.error = error
            break  # an address that failed once is not worth another wait
    return probe


def _strangers(probes: list[_Probe], port: int) -> Iterator[Finding]:
    for one in probes:
        for program in one.strangers:
            yield problem(
                _CHECK,
                f"{program} answers on {_at(one.address, port)}: clients that connect to localhost reach it "
                "instead of this service, or either of them",
                f"stop it{_listener(port)}, or set PORT to another number",
            )
        if not one.answers and one.accepts_without_http:
            yield problem(
                _CHECK,
                f"a program accepts connections on {_at(one.address, port)} but does not respond with HTTP: clients "
                "that reach it hang or fail",
                f"stop it{_listener(port)}, or restart it if it is this service",
            )


def _several(probes: list[_Probe], port: int) -> Iterator[Finding]:
    instances = {one.address: one.instances for one in probes if one.instances}
    together = set().union(*instances.values())
    if len(together) > 1:
        where = "; ".join(f"{_at(address, port)}: {', '.join(sorted(ids))}" for address, ids in instances.items())
        yield problem(
            _CHECK,
            f"{len(together)} services share this port ({where}): clients reach any of them",
            f"stop all but one{_listener(port)}, or give each a PORT of its own",
        )


def _no_program(probes: list[_Probe], port: int) -> Iterator[Finding]:
    if not any(one.accepts_without_http for one in probes):
        where = " and ".join(_at(one.address, port) for one in probes)
        yield problem(
            _CHECK,
            f"no program answers on {where}",
            "start the service (`make run`), or set HOST and PORT to its values",
        )


def _this_service(probes: list[_Probe], host: str, port: int) -> Iterator[Finding]:
    answering = [one for one in probes if one.answers]
    found = f"{answering[0].answers[0].program} on {' and '.join(_at(one.address, port) for one in answering)}"
    silent = [one.address for one in probes if not one.answers and isinstance(one.error, ConnectionRefusedError)]
    if silent and host in (*LOOPBACK, "localhost"):
        yield warning(
            _CHECK,
            f"{found}, none on {silent[0]}: a program that takes that address gets requests that clients send to "
            "localhost",
            "start the service with `make run`, which listens on both",
        )
    else:
        yield ok(_CHECK, found)


def _same_database(probes: list[_Probe], port: int) -> Iterator[Finding]:
    """Whether the service uses this command's database: does it know the newest session here?"""
    try:
        newest = next(listing.sessions(liveness=listing.Liveness.ACTIVE, limit=1), None)
        if newest is None:
            return
        where = next(one.address for one in probes if one.answers)
        token = access_key()
        connection = Connection(BaseUrl("http", where, port, ""), where, timeout=PATIENCE, token=token)
        try:
            answer = connection.request("GET", f"/sessions/{newest.session_id}/exists")
        finally:
            connection.close()
        known_there = answer.status == http.HTTPStatus.OK and answer.body["exists"]
        reason = answer.denial or _blindness(token, newest.node_id)
        if not known_there and reason:
            yield warning(
                "same database",
                f"whether the service uses this command's database cannot be told: {reason}",
                "set KATO_API_KEY to the token of a key with the scope read for all nodes, or DATABASE_URL and "
                "KATO_DATA_DIR to the values of the service",
            )
        elif known_there or not reads.existence(newest.session_id).exists:
            yield ok("same database", "the service knows the newest stored session")
        else:
            yield problem(
                "same database",
                f"the service does not know session {newest.session_id}, which is in this command's database",
                "set DATABASE_URL or KATO_DATA_DIR to the values of the service",
            )
    except ValueError as error:
        yield warning("same database", str(error), "set KATO_API_KEY to the token, or unset it")
    except (DatabaseError, InterfaceError, OSError, http.client.HTTPException):
        return  # other checks report it


def _blindness(token: str | None, node_id: str) -> str | None:
    """Why sessions of the node do not exist for who has this token."""
    key = AccessKey.objects.filter(id=token and key_id_of(token)).first()
    blind = key is not None and key.nodes is not None and not node_id.startswith(tuple(key.nodes))
    return "the newest session is of a node that the key in KATO_API_KEY is not for" if blind else None


def _at(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _listener(port: int) -> str:
    """The processes that listen on the port, if this account may see them: ` (listening there: pid 4711 python)`."""
    try:
        pids = {
            one.pid for one in psutil.net_connections("tcp") if one.laddr and one.laddr.port == port and not one.raddr
        }
        names = [f"pid {pid} {psutil.Process(pid).name()}" for pid in sorted(filter(None, pids))]
    except psutil.Error:
        return ""  # the process belongs to another account, or has just ended
    return f" (listening there: {', '.join(names)})" if names else ""
