"""What helps where Redis does not answer."""

import socket
import ssl

from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as Unconnected
from redis.exceptions import TimeoutError as NoAnswerInTime

from katoproject.configuration.redis_url import HOW_TO_VERIFY, RedisServer, is_unverified

PATIENCE = 0.3  # seconds

HAS_NO_TLS = "Redis has no TLS there: write redis:// in REDIS_URL (or REDIS_TLS=false), or name the port that has TLS"
HAS_TLS = "Redis has TLS there: write rediss:// in REDIS_URL, or REDIS_TLS=true"


def remedy(error: Exception | None) -> str | None:
    """What to do about an error, or about no answer at all; None where that is all there is to know.

    Asks Redis, but sends it nothing that is worth hiding.
    """
    if error is not None and is_unverified(error):
        return HOW_TO_VERIFY
    server = RedisServer.parse(settings.REDIS_URL)
    if server.path or (error is not None and not _came_to_nothing(error)):
        return None
    try:
        # A side that waits for the other's first words in the wrong language waits in silence, or is cut off.
        with socket.create_connection((server.host, server.port), timeout=PATIENCE) as connection:
            if server.tls:
                return HAS_NO_TLS if _answers_plainly(connection) else None
            return HAS_TLS if _shakes_hands(connection) else None
    except OSError:
        return None


def _came_to_nothing(error: Exception) -> bool:
    """Whether the connection failed: an error that Redis itself reports has come in the right language."""
    of_redis = error.__cause__ if isinstance(error, BrokerError) else error
    return isinstance(of_redis, (Unconnected, NoAnswerInTime)) and not isinstance(of_redis, AuthenticationError)


def _answers_plainly(connection: socket.socket) -> bool:
    """Raises OSError."""
    connection.sendall(b"PING\r\n")
    return connection.recv(1) in (b"+", b"-")


def _shakes_hands(connection: socket.socket) -> bool:
    """Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(connection):
        return True
