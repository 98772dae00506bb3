"""Attacks on who may do what: passwords, keys, foreign origins, weak settings."""

import os
import re
import secrets
import string
import subprocess
import sys
import time
import uuid
from urllib.parse import urlencode

from benchmarks.attack.attack import KEYS, Attack, attack
from benchmarks.attack.attacker import ADDRESS, Answer, Attacker, Seen
from benchmarks.attack.connections import handshake
from benchmarks.attack.predictions import MEMORY_OF_ONE, SLOTS, LongLists
from katoproject.configuration.environment import PROJECT_DIR

LOGIN = "/admin/login/"
FOREIGN = "https://attacker.example"
_BASE62 = string.ascii_letters + string.digits


def log_in(attacker: Attacker, user: str) -> Answer:
    """Try a password that is wrong, as a browser does."""
    page = attacker.ask("GET", LOGIN)
    cookie = page.headers.get("set-cookie", "").partition(";")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    form = {"username": user, "password": secrets.token_hex(8), "csrfmiddlewaretoken": token[1] if token else ""}
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    return attacker.ask("POST", LOGIN, urlencode(form).encode(), headers=headers)


@attack
class LoginsAtOnce(Attack):
    name = "24 wrong passwords at once"
    limit = "no request of the API waits longer than 1 s"
    statuses = frozenset({200, 403, 429, 503})

    def attack(self, attacker: Attacker) -> Seen:
        attempts = [lambda: log_in(attacker, f"user-{uuid.uuid4().hex[:8]}") for _ in range(24)]
        return Seen(attacker.ask_at_once(24, attempts))


@attack
class GuessedPasswords(Attack):
    name = "30 wrong passwords in a row"
    limit = "refused after a few"
    statuses = frozenset({200, 403, 429})

    def attack(self, attacker: Attacker) -> Seen:
        answers = [log_in(attacker, "operator") for _ in range(30)]
        tried = sum(answer.status == 200 for answer in answers)
        return Seen(answers, note=f"{tried} compared", broken=[f"{tried} were compared"] if tried > 20 else [])


@attack
class WrongKeys(Attack):
    name = "2000 keys that do not exist"
    limit = "all refused, most with a 429; no honest request waits longer than 1 s"
    service = KEYS
    statuses = frozenset({401, 429})

    def attack(self, attacker: Attacker) -> Seen:
        def ask() -> Answer:
            name, secret = ("".join(secrets.choice(_BASE62) for _ in range(length)) for length in (12, 43))
            headers = {"Authorization": f"Bearer kato_{name}_{secret}"}
            return attacker.ask("GET", "/sessions/count", headers=headers)

        answers = attacker.ask_at_once(4, [ask] * 2000)
        looked_up = sum(answer.status == 401 for answer in answers)
        return Seen(answers, broken=[f"{looked_up} were looked up"] if looked_up > 200 else [])


@attack
class FloodOfOneKey(Attack):
    name = "a key of 20 requests a second sends all it can"
    limit = "20 a second are done, the rest is a 429"
    service = KEYS
    statuses = frozenset({200, 429})
    rate = 20

    def attack(self, attacker: Attacker) -> Seen:
        begun = time.monotonic()
        answers = attacker.ask_at_once(8, [lambda: attacker.ask("GET", "/sessions/count") for _ in range(1500)])
        seconds = time.monotonic() - begun
        done = sum(answer.status == 200 for answer in answers)
        most = self.rate * (seconds + 2)  # and a burst
        broken = [f"{done} were done in {seconds:.1f} s"] if done > most else []
        return Seen(answers, note=f"{done} done in {seconds:.1f} s", broken=broken)


@attack
class SlotsOfOneKey(LongLists):
    name = "a key asks for 32 long predictions at once"
    limit = "it gets half of the slots; others are served"
    service = KEYS
    statuses = frozenset({200, 429, 503})
    at_once = 2 * SLOTS
    most_memory = most_growth = SLOTS * MEMORY_OF_ONE
    most_seconds = float("inf")  # some wait for their turn


@attack
class ForeignPages(Attack):
    name = "a page of another origin, and another host name"
    limit = "no WebSocket, no CORS header, no request without a body; 400 for the host"
    service = KEYS

    def attack(self, attacker: Attacker) -> Seen:
        broken, session_id = [], attacker.session("pages")
        connection, status = handshake(attacker, ADDRESS, Origin=FOREIGN)
        connection.close()
        if status != 403:
            broken.append(f"WebSocket: {status}")
        read = attacker.ask("GET", "/sessions/count", headers={"Origin": FOREIGN})
        if "access-control-allow-origin" in read.headers:
            broken.append("its page may read answers")
        written = attacker.ask("POST", f"/sessions/{session_id}/clear-stm", headers={"Origin": FOREIGN})
        if written.status != 403:
            broken.append(f"POST from its page: {written.status}")
        host = attacker.ask("GET", "/sessions/count", headers={"Host": "attacker.example"})
        if host.status != 400:
            broken.append(f"another host name: {host.status}")
        return Seen([read, written, host], note=f"WebSocket {status}, host {host.status}", broken=broken)


@attack
class BareAnswers(Attack):
    name = "answers without security headers"
    limit = "nosniff and a referrer policy on all of them"
    service = KEYS
    wanted = ("x-content-type-options", "referrer-policy")

    def attack(self, attacker: Attacker) -> Seen:
        answers = [attacker.ask("GET", path) for path in ("/health", "/sessions/count", "/nowhere", LOGIN, "/docs")]
        missing = sorted({name for answer in answers for name in self.wanted if name not in answer.headers})
        return Seen(answers, broken=[f"missing: {', '.join(missing)}"] if missing else [])


@attack
class WeakProduction(Attack):
    name = "production with DEBUG, or with a secret of one letter"
    limit = "does not start"

    def attack(self, attacker: Attacker) -> Seen:
        weak = {
            "DEBUG=true": {"DEBUG": "true", "KATO_SECRET_KEY": secrets.token_hex(32)},
            "a secret of one letter": {"KATO_SECRET_KEY": "x"},
        }
        return Seen(broken=[f"starts with {name}" for name, settings in weak.items() if self._starts(settings)])

    def _starts(self, settings: dict[str, str]) -> bool:
        program = "from katoproject.configuration.environment import read_environment; read_environment()"
        environment = {**os.environ, "ENVIRONMENT": "production", "KATO_ACCESS": "keys", **settings}
        ran = subprocess.run([sys.executable, "-c", program], cwd=PROJECT_DIR, env=environment, capture_output=True)
        return ran.returncode == 0
