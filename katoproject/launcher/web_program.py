"""The web server as a program: its command, and whether it answers (katoproject/server/ is the program itself)."""

import http.client
import sys


def web_command(host: str, port: int, workers: int) -> list[str]:
    return [sys.executable, "-m", "katoproject.server", host, str(port), str(workers)]


def is_healthy(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
