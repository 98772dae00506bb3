"""Every operation of the API has a method, whose result has the declared type."""

import inspect
from typing import Any, get_args, get_type_hints

import httpx
import pytest

import kato_client._operations
import kato_client._session_operations
from benchmarks.stack import WebServer, eventually
from kato_client import ApiError, EmptyStm, InvalidConfiguration, InvalidRequest, SessionNotFound
from kato_client._call import operation
from kato_client._operations import ServiceOperations
from kato_client._session_operations import SessionOperations
from tests.client.shapes import problems


def operations(owner: type) -> dict[str, operation[..., Any]]:
    return {name: one for name, one in vars(owner).items() if isinstance(one, operation)}


def declared(one: operation[..., Any]) -> Any:
    """The declared result of an operation."""
    names = vars(kato_client._operations) | vars(kato_client._session_operations)
    returned = get_type_hints(inspect.unwrap(one.build), names)["return"]
    [answer] = get_args(returned)
    return answer


def assert_as_declared(owner: type, name: str, answer: Any) -> None:
    assert problems(answer, declared(operations(owner)[name])) == []


def test_there_is_a_method_for_every_operation(server: WebServer) -> None:
    document = httpx.get(f"{server.url}/openapi.json").json()
    served = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    offered = {
        (one.method, one.path) for owner in (ServiceOperations, SessionOperations) for one in operations(owner).values()
    }
    assert served == offered


# Every operation of the service with the arguments that it needs; `NODE` stands for a node that has learned.
NODE = object()
OF_THE_SERVICE: dict[str, dict[str, Any]] = {
    "root": {},
    "health": {},
    "ready": {},
    "status": {},
    "create_session": {"node_id": NODE, "config": {"recall_threshold": 0.5}, "metadata": {"a": 1}, "ttl_seconds": 60},
    "list_sessions": {"node_id": NODE},
    "session_count": {},
    "routing_test": {"test_id": "a|b"},
    "pattern": {"pattern_id": "PTRN|6e203a0c", "node_id": NODE},
    "pattern_count": {"node_id": NODE},
    "percept_data": {"node_id": NODE},
    "cognition_data": {"node_id": NODE},
    "symbol_affinities": {"node_id": NODE},
    "symbol_statistics": {"node_id": NODE},
    "symbol_affinity": {"symbol": "tea", "node_id": NODE},
    "list_nodes": {},
    "list_patterns": {"node_id": NODE, "symbol": "tea"},
    "node_export": {"node_id": NODE},
    "metrics": {},
    "prometheus_metrics": {},
    "stats": {"minutes": 5},
    "concurrency": {},
    "cache_stats": {},
    "invalidate_cache": {},
    "distributed_stm_stats": {},
    "connection_pools": {},
}


OF_JOBS = {"train", "import_node", "list_jobs", "job", "cancel_job", "retry_job"}


def test_every_operation_of_the_service_is_called_here() -> None:
    assert {*OF_THE_SERVICE, "metric_history", "delete_pattern", *OF_JOBS} == set(operations(ServiceOperations))


@pytest.mark.parametrize("name", OF_THE_SERVICE)
def test_operations_of_the_service_answer_as_declared(kato: Any, node: str, name: str) -> None:
    with kato.session(node) as session:
        session.observe_sequence([{"strings": ["cup", "tea"], "emotives": {"joy": 1}}], learn_at_end=True)
    arguments = {key: node if value is NODE else value for key, value in OF_THE_SERVICE[name].items()}
    assert_as_declared(ServiceOperations, name, getattr(kato, name)(**arguments))


def test_the_history_of_a_metric_is_as_declared(kato: Any) -> None:
    with pytest.raises(ApiError, match="No data available"):
        kato.metric_history("nothing")

    def is_sampled() -> bool:
        try:
            return bool(kato.metric_history("sessions_active"))
        except ApiError:
            return False

    eventually(is_sampled, "the metric is sampled")
    assert_as_declared(ServiceOperations, "metric_history", kato.metric_history("sessions_active", minutes=5))


def test_operations_of_a_session_answer_as_declared(kato: Any, node: str) -> None:
    config = {"recall_threshold": 0.2}
    called = set()
    with kato.session(node, config=config, metadata={"by": "test"}, ttl_seconds=600) as session:

        def call(name: str, *args: Any, **kwargs: Any) -> Any:
            answer = getattr(session, name)(*args, **kwargs)
            assert_as_declared(SessionOperations, name, answer)
            called.add(name)
            return answer

        info = call("info")
        assert info["node_id"] == node
        assert info["metadata"] == {"by": "test"}
        assert info["session_config"]["recall_threshold"] == 0.2
        assert call("exists")["exists"]
        call("extend", 700)
        call("update_config", {"max_predictions": 7})
        assert call("config")["config"]["max_predictions"] == 7
        observed = call("observe", ["b", "a"], emotives={"joy": 1.5}, metadata={"n": 1}, unique_id="mine")
        assert observed["unique_id"] == "mine"
        call("observe_sequence", [{"strings": ["c"]}, {"strings": ["d"], "unique_id": "yours"}])
        assert call("stm")["stm"] == [["a", "b"], ["c"], ["d"]]
        assert call("percept_data")["percept_data"]["strings"] == ["d"]
        name = call("learn")["pattern_name"]
        pattern = kato.pattern(name, node_id=node)
        assert_as_declared(ServiceOperations, "pattern", pattern)
        assert pattern["pattern"]["pattern"]["pattern_data"] == [["a", "b"], ["c"], ["d"]]
        session.observe(["a"])
        [prediction] = call("predictions")["predictions"]
        assert prediction["future"] == [["c"], ["d"]]
        session.observe(["c"])
        [prediction] = call("predictions")["predictions"]
        assert prediction["missing"] == [["b"], []]
        call("cognition_data")
        call("finalize_training")
        call("clear_stm")
        assert call("retire_patterns", ["0" * 40], why="a test")["retired"] == ["0" * 40]
        assert call("purge_patterns")["purged"] == ["0" * 40]
        assert call("un_retire_patterns", ["0" * 40])["un_retired"] == ["0" * 40]
        assert kato.symbol_affinity("a", node_id=node)["affinity"] == {"joy": 1.5}
        assert_as_declared(ServiceOperations, "delete_pattern", kato.delete_pattern(node, name, why="a test"))
        call("clear_all")
        assert kato.pattern_count(node_id=node)["pattern_count"] == 0
        call("delete")
    assert called | OF_JOBS_OF_SESSIONS == set(operations(SessionOperations))


OF_JOBS_OF_SESSIONS = {"start_observe_sequence", "start_finalize_training"}


@pytest.mark.usefixtures("worker")
def test_operations_of_jobs_answer_as_declared(kato: Any, node: str) -> None:
    def call(caller: Any, owner: type, name: str, *args: Any, **kwargs: Any) -> Any:
        answer = getattr(caller, name)(*args, **kwargs)
        assert_as_declared(owner, name, answer)
        return answer

    sequences = [[["kettle"], ["tea"]], [{"strings": ["kettle"], "emotives": {"joy": 1}}, ["coffee"]]]
    job = call(kato, ServiceOperations, "train", node, sequences, config={"persistence": 7})
    done = kato.wait_for_job(job["job_id"], poll=0.05)
    assert (done["state"], done["result"]["patterns_learned"]) == ("done", 2)
    assert call(kato, ServiceOperations, "job", job["job_id"]) == done
    assert call(kato, ServiceOperations, "list_jobs", node_id=node, state="done")["total"] == 1
    imported = call(kato, ServiceOperations, "import_node", f"{node} again", kato.node_export(node).encode())
    assert kato.wait_for_job(imported["job_id"], poll=0.05)["result"]["patterns"] == 2
    with pytest.raises(ApiError) as finished:
        kato.cancel_job(job["job_id"])
    assert finished.value.status == 409
    with kato.session(node, recover=True) as session:
        job = call(session, SessionOperations, "start_observe_sequence", [{"strings": ["kettle"]}], learn_at_end=False)
        assert kato.wait_for_job(job["job_id"], poll=0.05)["result"]["final_stm_length"] == 1
        job = call(session, SessionOperations, "start_finalize_training")
        assert kato.wait_for_job(job["job_id"], poll=0.05)["result"]["patterns_processed"] == 2
        kato.attach(session.id).delete()
        assert session.stm()["stm"] == []
        assert not session.recoveries[0].complete, "what a job did to the session is not known here"


def test_a_block_ends_with_the_session_deleted(kato: Any, node: str) -> None:
    with kato.session(node) as session:
        kept = kato.attach(session.id)
        with kept:
            kept.observe(["a"])
        assert session.stm()["stm"] == [["a"]]
    assert kept.exists() == {"exists": False, "expired": False, "session_id": session.id}


def test_a_block_that_keeps_its_session_leaves_it(kato: Any, node: str) -> None:
    with kato.session(node, keep=True) as session:
        session.observe(["a"])
    assert kato.attach(session.id).stm()["stm"] == [["a"]]
    session.delete()


def test_a_session_must_be_open(kato: Any, node: str) -> None:
    session = kato.session(node)
    with pytest.raises(RuntimeError, match="not open"):
        session.observe(["a"])
    session.open()
    session.observe(["a"])
    session.delete()


@pytest.mark.parametrize("symbol", ["PTRN|x", "50 %", "..", "é?#&", "stats"])
def test_any_symbol_can_be_asked_about(kato: Any, node: str, symbol: str) -> None:
    with kato.session(node) as session:
        session.observe([symbol, "with"], emotives={"joy": 2})
        session.learn()
    answer = kato.symbol_affinity(symbol, node_id=node)
    assert (answer["symbol"], answer["affinity"]) == (symbol, {"joy": 2.0})


def test_errors_say_what_is_wrong(kato: Any, node: str) -> None:
    with kato.session(node) as session:
        with pytest.raises(EmptyStm):
            session.learn()
        with pytest.raises(InvalidConfiguration, match="recall_threshold") as invalid:
            session.update_config({"recall_threshold": 7})
        assert invalid.value.problems == {"recall_threshold": "Must be a number between 0.0 and 1.0"}
        with pytest.raises(InvalidRequest) as wrong:
            session.observe([7])
        assert wrong.value.problems[0]["loc"] == ["body", "strings", 0]
        assert wrong.value.status == 422
        assert wrong.value.trace_id
        with pytest.raises(TypeError, match="list of symbols"):
            session.observe("text")
    with pytest.raises(SessionNotFound) as gone:
        session.stm()
    assert gone.value.program
    assert gone.value.program.startswith("kato-django/")
    with pytest.raises(SessionNotFound):
        session.info()
