"""The web server: Granian, which speaks HTTP in Rust and calls Django (WSGI) in a few threads per process."""

import http.client
import sys

from katoproject.embedded.locations import data_dir
from katoproject.environment import read_environment

# Beyond the requests that may work at once, so that /health still answers when those all wait for the database.
SPARE_THREADS = 2
# Connections that the kernel keeps while nobody has accepted them yet.
BACKLOG = 2048


def web_command(host: str, port: int, workers: int) -> list[str]:
    environment = read_environment()
    options = {
        "interface": "wsgi",
        "http": "1",
        "host": host,
        "port": port,
        "workers": workers,
        "blocking-threads": environment.limit_concurrency + SPARE_THREADS,
        # Every thread holds a database connection; a thread that comes and goes would open one each time.
        "blocking-threads-idle-timeout": 600,
        "backlog": BACKLOG,
        "backpressure": 1024,
        "workers-kill-timeout": 5,
        "static-path-route": "/static",
        "static-path-mount": data_dir() / "static",
        "log-level": environment.log_level.lower(),
    }
    return [
        *(sys.executable, "-m", "granian", "katoproject.wsgi:application", "--no-ws", "--respawn-failed-workers"),
        *(part for name, value in options.items() for part in (f"--{name}", str(value))),
    ]


def is_healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
