"""Attacks with what a request says: huge bodies, headers, queries, and answers that become huge."""

from urllib.parse import urlencode

from benchmarks.attack.attack import MEBIBYTE, Attack, attack
from benchmarks.attack.attacker import Answer, Attacker, Seen

KILOBYTE = 1000
REFUSED = frozenset({400, 404, 413, 422})


class LargeBody(Attack):
    """A body that must cost little, whether it is taken or refused. `path`: below a session, or all of it."""

    limit = "refused within 1 s, 200 MB and 1 MB of answer"
    statuses = REFUSED
    most_seconds = 1.0
    path = "observe"

    def prepare(self, attacker: Attacker) -> None:
        if not self.path.startswith("/"):
            self.path = f"/sessions/{attacker.session('bodies')}/{self.path}"

    def body(self) -> bytes:
        raise NotImplementedError

    def attack(self, attacker: Attacker) -> Seen:
        body, answers = self.body(), list[Answer]()
        # A service that breaks down at the first need not be asked again.
        while len(answers) < 3 and all(answer.seconds <= self.most_seconds for answer in answers):
            answers.append(attacker.ask("POST", self.path, body))
        return Seen(answers, note=f"{len(body) / 1e6:.0f} MB sent")


@attack
class WrongNumbers(LargeBody):
    name = "three million numbers as symbols"

    def body(self) -> bytes:
        return b'{"strings":[' + b"1," * 3_000_000 + b"1]}"


@attack
class WrongNumbersAllowed(LargeBody):
    name = "the same, as many as a body of 1 MB holds"

    def body(self) -> bytes:
        return b'{"strings":[' + b"1," * 500_000 + b"1]}"


@attack
class EmptyObservations(LargeBody):
    name = "lists as observations, 9 MB"
    path = "observe-sequence"
    megabytes = 9

    def body(self) -> bytes:
        return b'{"observations":[' + b"[]," * (self.megabytes * 1_000_000 // 3) + b"[]]}"


@attack
class MoreEmptyObservations(EmptyObservations):
    name = "lists as observations, 15 MB"
    megabytes = 15


@attack
class NestedMetadata(LargeBody):
    name = "metadata of a million empty objects"
    path = "/sessions"

    def body(self) -> bytes:
        return b'{"node_id":"n","metadata":{"x":[' + b"{}," * 1_000_000 + b"{}]}}"


@attack
class LargeSymbols(LargeBody):
    name = "15 MB of symbols as long as they may be"
    limit = "taken or refused within 1 s, 200 MB and 1 MB of answer"
    statuses = REFUSED | {200}
    path = "observe-sequence"

    def body(self) -> bytes:
        symbol = b'"' + b"s" * 4096 + b'"'
        event = b'{"strings":[' + b",".join([symbol] * 10) + b"]}"
        return b'{"observations":[' + b",".join([event] * (15_000_000 // len(event))) + b"]}"


@attack
class ManyParameters(Attack):
    name = "1500 query parameters"
    limit = "a 400"
    statuses = frozenset({400})

    def attack(self, attacker: Attacker) -> Seen:
        query = urlencode([(f"p{number}", "1") for number in range(1500)])
        return Seen([attacker.ask("GET", f"/sessions?{query}") for _ in range(20)])


@attack
class LongTraceIds(Attack):
    name = "a trace id of 60 kB"
    limit = "answered with at most 128 characters; X_Trace_ID is not taken"
    most_answer = 64 * KILOBYTE

    def attack(self, attacker: Attacker) -> Seen:
        answers = [attacker.ask("GET", "/sessions/count", headers={"X-Trace-ID": "t" * 60_000}) for _ in range(20)]
        under_score = attacker.ask("GET", "/sessions/count", headers={"X_Trace_ID": "underscored"})
        broken = []
        longest = max(len(answer.headers.get("x-trace-id", "")) for answer in answers)
        if longest > 128:
            broken.append(f"an id of {longest} characters is sent back")
        if under_score.headers.get("x-trace-id") == "underscored":
            broken.append("X_Trace_ID is taken for X-Trace-ID")
        return Seen(answers, note=f"id of {longest} sent back", broken=broken)


@attack
class ListsOfMetadata(Attack):
    name = "a list of sessions with large metadata"
    limit = "an answer of at most 5 MB"
    most_answer = 5 * MEBIBYTE

    def prepare(self, attacker: Attacker) -> None:
        large = {"node_id": "hoard", "metadata": {"x": "m" * 1_800_000}}
        if attacker.ask("POST", "/sessions", large).status == 200:
            for _ in range(7):
                attacker.ask("POST", "/sessions", large)
            return
        for _ in range(100):
            attacker.session("hoard", metadata={"x": "m" * 64_000})

    def attack(self, attacker: Attacker) -> Seen:
        return Seen([attacker.ask("GET", "/sessions?limit=100") for _ in range(5)])
