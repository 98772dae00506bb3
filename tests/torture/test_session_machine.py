"""Random sequences of requests against the real service, with four processes, compared with a model of the API.

Hypothesis chooses them and, when one response differs, looks for the shortest sequence that shows it.
"""

from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule, run_state_machine_as_test

from benchmarks.stack import WebServer
from tests.support.connections import fresh_connections
from tests.support.sessions import observations
from tests.torture.session_model import Node, Session, symbols_of

pytestmark = pytest.mark.long

_NUMBERS = count()

EVENTS = st.lists(st.sampled_from("abc"), min_size=1, max_size=2)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "max_pattern_length": st.integers(0, 4),
        "stm_mode": st.sampled_from(["CLEAR", "ROLLING"]),
        "recall_threshold": st.sampled_from([0.0, 0.1, 0.5, 0.8]),
        "persistence": st.integers(1, 100),
    },
)
REPEATED = st.booleans()


class SessionMachine(RuleBasedStateMachine):
    client: httpx.Client
    sessions: Bundle[str] = Bundle("sessions")
    gone: Bundle[str] = Bundle("gone")

    @initialize()
    def two_nodes(self) -> None:
        number = next(_NUMBERS)
        self.nodes = {f"machine-{number}-{place}": Node() for place in range(2)}
        self.known: dict[str, tuple[str, Session]] = {}

    # Requests.

    def post(self, path: str, body: Any = None, *, repeated: bool = False, status: int = 200) -> Any:
        """`repeated`: the request is sent once more with its key, and returns the same without being done again."""
        headers = {"Idempotency-Key": f"machine-{next(_NUMBERS)}"} if repeated else {}
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        if repeated and status == 200:
            again = self.client.post(path, json=body, headers=headers)
            assert (again.status_code, again.json()) == (status, answer.json())
            assert again.headers["Idempotency-Replayed"] == "true"
        return answer.json()

    def get(self, path: str, **parameters: str) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def model(self, session: str) -> Session:
        return self.known[session][1]

    # Life.

    @rule(target=sessions, place=st.integers(0, 1), config=SETTINGS, repeated=REPEATED)
    def create(self, place: int, config: dict[str, Any], repeated: bool) -> str:
        node = list(self.nodes)[place]
        answer = self.post("/sessions", {"node_id": node, "config": config}, repeated=repeated)
        self.known[answer["session_id"]] = (node, Session(self.nodes[node], config))
        name: str = answer["session_id"]
        return name

    @rule(target=gone, session=consumes(sessions))
    def delete(self, session: str) -> str:
        assert self.client.delete(f"/sessions/{session}").status_code == 200
        return session

    @rule(session=gone)
    def stay_deleted(self, session: str) -> None:
        for path in ("stm", "config", "predictions", "percept-data"):
            assert self.client.get(f"/sessions/{session}/{path}").status_code == 404
        for path in ("learn", "clear-stm", "clear-all", "extend"):
            assert self.client.post(f"/sessions/{session}/{path}").status_code == 404
        assert self.client.post(f"/sessions/{session}/observe", json={"strings": ["a"]}).status_code == 404
        assert self.client.delete(f"/sessions/{session}").status_code == 404
        assert self.get(f"/sessions/{session}/exists")["exists"] is False

    @rule(session=sessions, seconds=st.integers(60, 6000), repeated=REPEATED)
    def extend(self, session: str, seconds: int, repeated: bool) -> None:
        answer = self.post(f"/sessions/{session}/extend?ttl_seconds={seconds}", repeated=repeated)
        assert answer["ttl_seconds"] == seconds
        assert seconds - 5 < self.remaining(session) <= max(seconds, 3600)

    def remaining(self, session: str) -> int:
        found: int = self.get(f"/sessions/{session}")["ttl_seconds"]
        return found

    # Writes.

    @rule(session=sessions, config=SETTINGS, repeated=REPEATED)
    def configure(self, session: str, config: dict[str, Any], repeated: bool) -> None:
        self.post(f"/sessions/{session}/config", {"config": config}, repeated=repeated)
        self.model(session).settings |= config

    @rule(session=sessions, strings=EVENTS, repeated=REPEATED)
    def observe(self, session: str, strings: list[str], repeated: bool) -> None:
        model = self.model(session)
        learned = model.observe(strings)
        answer = self.post(f"/sessions/{session}/observe", {"strings": strings}, repeated=repeated)
        assert (answer["stm_length"], answer["time"]) == (len(model.stm), model.time)
        assert (answer["auto_learned_pattern"] is not None) == learned

    @rule(
        session=sessions,
        events=st.lists(EVENTS, max_size=5),
        options=st.tuples(REPEATED, REPEATED, REPEATED),
        repeated=REPEATED,
    )
    def observe_sequence(
        self, session: str, events: list[list[str]], options: tuple[bool, bool, bool], repeated: bool
    ) -> None:
        model = self.model(session)
        after_each, at_end, clear_between = options
        body = {
            "observations": observations(*events),
            "learn_after_each": after_each,
            "learn_at_end": at_end,
            "clear_stm_between": clear_between,
        }
        learned = model.sequence(events, after_each=after_each, at_end=at_end, clear_between=clear_between)
        answer = self.post(f"/sessions/{session}/observe-sequence", body, repeated=repeated)
        assert answer["final_stm_length"] == len(model.stm)
        assert [bool(name) for name in answer["auto_learned_patterns"]] == learned
        if learned:
            self.compare_memory(self.known[session][0])
        assert [item["time"] for item in answer["results"]] == list(range(model.time - len(events) + 1, model.time + 1))

    @rule(session=sessions, repeated=REPEATED)
    def learn(self, session: str, repeated: bool) -> None:
        model = self.model(session)
        if not model.stm:
            refused = self.post(f"/sessions/{session}/learn", repeated=repeated, status=400)
            assert refused == {"detail": "Cannot learn from empty STM"}
            return
        events = len(model.stm)
        learned = model.learn()
        answer = self.post(f"/sessions/{session}/learn", repeated=repeated)
        assert bool(answer["pattern_name"]) == learned
        assert f"from {events} event" in answer["message"]

    @rule(session=sessions, repeated=REPEATED)
    def clear_stm(self, session: str, repeated: bool) -> None:
        self.post(f"/sessions/{session}/clear-stm", repeated=repeated)
        self.model(session).clear_stm()

    @rule(session=sessions, repeated=REPEATED)
    def clear_all(self, session: str, repeated: bool) -> None:
        self.post(f"/sessions/{session}/clear-all", repeated=repeated)
        self.model(session).clear_all()
        self.compare_memory(self.known[session][0])

    # Reads.

    @rule(session=sessions)
    def read_session(self, session: str) -> None:
        node, model = self.known[session]
        stm = self.get(f"/sessions/{session}/stm")
        assert (stm["stm"], stm["length"]) == ([list(event) for event in model.stm], len(model.stm))
        config = self.get(f"/sessions/{session}/config")["config"]
        assert config.items() >= model.configuration().items()
        percept = self.get(f"/sessions/{session}/percept-data")["percept_data"]
        assert percept.get("strings") == model.percept
        cognition = self.get(f"/sessions/{session}/cognition-data")["cognition_data"]
        assert (cognition["time"], cognition["symbols"]) == (model.time, symbols_of(model.stm))
        assert self.get(f"/sessions/{session}/exists")["exists"] is True
        assert self.get(f"/sessions/{session}")["node_id"] == node

    @rule(session=sessions)
    def predict(self, session: str) -> None:
        answer = self.get(f"/sessions/{session}/predictions")
        found = {tuple(map(tuple, one["sequence"])): one["frequency"] for one in answer["predictions"]}
        assert found == self.model(session).predictions()
        assert len(found) == len(answer["predictions"])

    @rule(place=st.integers(0, 1))
    def read_node(self, place: int) -> None:
        self.compare_memory(list(self.nodes)[place])

    def compare_memory(self, node: str) -> None:
        assert self.get("/patterns/count", node_id=node)["pattern_count"] == len(self.nodes[node].patterns)
        assert self.get("/symbols/stats", node_id=node)["symbols"] == self.nodes[node].symbols()


def test_the_service_does_what_the_model_does(server: WebServer) -> None:
    run(server, examples=10, steps=30)


@pytest.mark.exhaustive
def test_the_service_does_what_the_model_does_for_long(server: WebServer) -> None:
    run(server, examples=settings.default.max_examples if settings.default else 100, steps=60)


def run(server: WebServer, *, examples: int, steps: int) -> None:
    with fresh_connections(server.url) as client:
        machine = type("Machine", (SessionMachine,), {"client": client})
        chosen = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        run_state_machine_as_test(machine, settings=chosen)
