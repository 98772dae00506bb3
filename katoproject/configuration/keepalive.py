"""How often the kernel asks whether the other end of a connection to a store is still there.

Firewalls and address translators forget connections on which nothing is sent for a few minutes, and tell neither end.
The next statement would then wait for an answer until its time is over. By default Linux asks after two hours.
"""

import socket
from typing import Any

IDLE, INTERVAL, COUNT = 60, 10, 3  # seconds without traffic, seconds between two questions, questions without an answer

OF_LIBPQ: dict[str, Any] = {"keepalives_idle": IDLE, "keepalives_interval": INTERVAL, "keepalives_count": COUNT}

# The same at PostgreSQL's end: until it knows, a forgotten connection has its locks and its place in max_connections.
OF_POSTGRESQL = {
    "tcp_keepalives_idle": str(IDLE),
    "tcp_keepalives_interval": str(INTERVAL),
    "tcp_keepalives_count": str(COUNT),
    # Milliseconds. The kernel does not ask while an answer is under way: it repeats that, for a quarter of an hour.
    "tcp_user_timeout": str(1000 * (IDLE + INTERVAL * COUNT)),
}

OF_REDIS: dict[str, Any] = {"socket_keepalive": True}
if hasattr(socket, "TCP_KEEPIDLE"):  # elsewhere the system's own intervals hold
    OF_REDIS["socket_keepalive_options"] = {
        socket.TCP_KEEPIDLE: IDLE,
        socket.TCP_KEEPINTVL: INTERVAL,
        socket.TCP_KEEPCNT: COUNT,
    }
