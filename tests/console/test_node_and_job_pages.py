"""The console's pages of nodes and jobs."""

import re
from html import unescape

import psycopg
import pytest

from memory_app.operations import purging
from sessions_app.models.jobs import Job, State
from tests.console.pages import JOBS, NODES, LogIn, act, change, page
from tests.support.sessions import OpenSession

pytestmark = pytest.mark.usefixtures("same_database")


def test_a_node_shows_its_patterns_and_symbols(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    name = teacher.teach("k", "ct").removeprefix("PTRN|")
    teacher.teach("k", "ct")
    browser = log_in("viewer")
    base = change(NODES, teacher.node).removesuffix("change/")
    html = page(browser, f"{base}change/")
    assert "learned 2×, 3 symbols" in html
    assert "<dt>Vectors</dt><dd>0</dd>" in html
    assert f"{base}patterns/{name}/" in html
    pattern = page(browser, f"{base}patterns/{name}/")
    assert re.findall(r'class="chip ">(\w)<', pattern) == ["k", "c", "t"]
    symbols = page(browser, f"{base}symbols/")
    assert re.findall(r'class="chip">(\w)</span></td><td class="number">(\d+)', symbols) == [
        ("c", "2"),
        ("k", "2"),
        ("t", "2"),
    ]
    assert 'class="chip">k<' in page(browser, f"{base}symbols/", q="k")
    assert 'class="chip">' not in page(browser, f"{base}symbols/", q="z")
    for missing in ("0" * 40, "x", name[:39]):
        assert browser.get(f"{base}patterns/{missing}/").status_code == 404
    assert name[:12] in page(browser, f"{base}patterns/", q=f"PTRN|{name}")
    assert teacher.node in page(browser, NODES, q=teacher.node[:-3])


def test_all_patterns_are_on_the_pages_the_last_learned_first(
    log_in: LogIn, open_session: OpenSession, database: psycopg.Connection
) -> None:
    teacher = open_session()
    taught = [teacher.teach("ab", chr(ord("c") + n)) for n in range(20)]
    for place, name in (
        ("9", taught[0]),
        ("10", taught[1]),
    ):  # numbers of transactions are no texts: as texts, 9 is the greater
        learned = "UPDATE memory_app_pattern SET changed = %s::xid8 WHERE name = decode(%s, 'hex')"
        database.execute(learned, [place, name.removeprefix("PTRN|")])
    many = [{"strings": [f"s{n}", f"t{n}"]} for n in range(40)]
    teacher.post("observe-sequence", {"observations": many, "learn_after_each": True})
    browser = log_in("viewer")
    base = f"{change(NODES, teacher.node).removesuffix('change/')}patterns/"
    names: list[str] = []
    path: str | None = base
    while path:
        html = page(browser, path)
        names += re.findall(rf"{base}([0-9a-f]{{40}})/", html)
        further = re.search(r'href="(\?[^"]*after=[^"]+)"', html)
        path = f"{base}{unescape(further[1])}" if further else None
    assert len(names) == len(set(names)) == 60
    assert names[40:] == [name.removeprefix("PTRN|") for name in reversed(taught)]


def test_patterns_are_found_by_symbol_name_and_frequency(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    tea, milk = (teacher.teach("a", symbol).removeprefix("PTRN|") for symbol in "tm")
    teacher.teach("a", "m")
    browser = log_in("viewer")
    base = f"{change(NODES, teacher.node).removesuffix('change/')}patterns/"

    def found(**query: str) -> list[str]:
        return re.findall(rf"{base}([0-9a-f]{{40}})/", page(browser, base, **query))

    assert found(symbol="t") == [tea]
    assert found(q=milk[:5]) == found(frequency="2") == [milk]
    assert found(symbol="a", order="frequency") == [milk, tea]
    assert found(symbol="z") == []
    for wrong in ({"q": "xyz"}, {"frequency": "0"}, {"frequency": "many"}, {"after": "nonsense"}):
        assert found(**wrong) == []


def test_retired_patterns_are_marked_and_can_be_listed_alone(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    tea, milk = (teacher.teach("a", symbol).removeprefix("PTRN|") for symbol in "tm")
    operator = log_in("operator")
    act(operator, NODES, "retire", teacher.node, patterns=milk, why="spilt")
    base = f"{change(NODES, teacher.node).removesuffix('change/')}patterns/"

    def found(**query: str) -> list[str]:
        return re.findall(rf"{base}([0-9a-f]{{40}})/", page(operator, base, **query))

    assert found() == [milk, tea]
    assert (found(retired="true"), found(retired="false")) == ([milk], [tea])
    assert page(operator, base).count("<strong>retired</strong>") == 1
    assert "by whom, when and why" in page(operator, f"{base}{milk}/")
    assert "by whom, when and why" not in page(operator, f"{base}{tea}/")


def test_from_the_page_of_a_pattern_its_name_is_filled_in(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    tea = teacher.teach("a", "t").removeprefix("PTRN|")
    operator = log_in("operator")
    html = page(operator, f"{change(NODES, teacher.node).removesuffix('change/')}patterns/{tea}/")
    links = [unescape(link) for link in re.findall(r'href="([^"]*/act/[^"]*)"', html)]
    for name, question in (("retire", "Retire patterns"), ("un-retire", "Un-retire patterns")):
        [link] = {link for link in links if f"/act/{name}/" in link}
        asked = page(operator, link)
        assert re.search(rf"<textarea[^>]*>\s*{tea}</textarea>", asked)
        assert f"<h2>{question} of node {teacher.node}?</h2>" in asked
    assert teacher.patterns() == 1


def test_a_node_forgets_when_an_administrator_says_so(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    browser = log_in("administrator")
    assert "cannot be undone" in page(browser, f"{NODES}act/clear/", id=teacher.node)
    assert teacher.patterns() == 1
    assert act(browser, NODES, "clear", teacher.node).status_code == 302
    assert teacher.patterns() == 0
    ticked = {"action": "clear", "_selected_action": teacher.node, "index": "0"}
    assert "cannot be undone" not in browser.post(NODES, ticked).content.decode()  # only one node at a time


def test_a_job_shows_its_progress_and_its_error(log_in: LogIn, job: Job) -> None:
    Job.objects.filter(id=job.id).update(state=State.FAILED, error="the disk is full", done=0, attempts=3)
    browser = log_in("viewer")
    assert "the disk is full" in page(browser, change(JOBS, job.id))
    assert job.id in page(browser, JOBS, state="failed", q=job.id)
    assert job.id not in page(browser, JOBS, state="done")
    assert job.id not in page(browser, JOBS, kind="train", node="a node")


def test_a_job_is_cancelled_and_retried(log_in: LogIn, job: Job) -> None:
    browser = log_in("operator")
    act(browser, JOBS, "cancel", job.id)
    assert Job.objects.get(id=job.id).state == State.CANCELLED
    act(browser, JOBS, "retry", job.id)
    assert Job.objects.get(id=job.id).state == State.WAITING
    Job.objects.filter(id=job.id).update(state=State.DONE)
    told = browser.post(f"{JOBS}act/cancel/", {"id": job.id}, follow=True).content.decode()
    assert f"Job {job.id} is done already" in told


def test_patterns_are_retired_and_purged_with_a_reason_that_is_shown(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    name = teacher.teach("k", "ct").removeprefix("PTRN|")
    operator, administrator = log_in("operator"), log_in("administrator")
    fields = {"patterns": f"PTRN|{name}\n", "why": "a <broken> sensor"}
    assert act(operator, NODES, "retire", teacher.node, **fields).status_code == 302
    teacher.observe("k")
    assert teacher.get("predictions")["predictions"] == []
    assert act(operator, NODES, "purge", teacher.node, **fields).status_code == 403
    assert act(administrator, NODES, "purge", teacher.node, **fields).status_code == 302
    assert teacher.patterns() == 0
    assert act(operator, NODES, "un-retire", teacher.node, **fields).status_code == 302
    html = page(operator, change(NODES, teacher.node).removesuffix("change/") + "acts/")
    assert html.count("a &lt;broken&gt; sensor") == 3
    assert re.findall(r"<td[^>]*>(retired|purged, learned 1×|un-retired)</td>", html) == [
        "un-retired",
        "purged, learned 1×",
        "retired",
    ]
    roles = ["operator", "administrator", "operator"]
    assert re.findall(r"<td[^>]*>(operator|administrator)-[0-9a-f]{8}</td>", html) == roles
    [link] = set(re.findall(rf'<a href="([^"]*{name}[^"]*)"', html))
    assert page(operator, link), "there is a page, though the pattern is gone"


def test_an_act_on_patterns_says_what_it_did_and_what_remains(
    log_in: LogIn, open_session: OpenSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = open_session()
    names = [teacher.teach("a", symbol).removeprefix("PTRN|") for symbol in "bcd"]
    browser = log_in("administrator")

    def told(kind: str, *patterns: str) -> str:
        fields = {"patterns": "\n".join(patterns), "why": "wrong"}
        assert act(browser, NODES, kind, teacher.node, **fields).status_code == 302
        html = page(browser, change(NODES, teacher.node))
        history = page(browser, change(NODES, teacher.node).removesuffix("change/") + "history/")
        [said] = re.findall(rf">\s*([^<>]+): {re.escape(teacher.node)}\s*<", html)
        assert said in unescape(history)
        return unescape(str(said))

    assert told("retire", *names[:2]) == "Retired 2 patterns"
    assert told("retire", *names) == "Retired 1 pattern, 2 were retired already"
    monkeypatch.setattr(purging, "_MOST_BYTES", 1)
    remain = "retired patterns of the node that are not purged yet"
    assert told("purge", *names) == f"Purged 1 of 3 patterns; {remain}: 2"
    assert told("purge", *names[:2]) == f"Purged 1 of 2 patterns; {remain}: 1"
    assert told("purge", *names[2:]) == "Purged 1 pattern"
    assert told("un-retire", names[0], "0" * 40) == "Un-retired 1 pattern, 1 were not retired"


def test_a_console_act_needs_names_and_a_reason(log_in: LogIn, open_session: OpenSession) -> None:
    teacher = open_session()
    teacher.teach("a", "b")
    operator = log_in("operator")
    for fields in ({"patterns": "x", "why": "y"}, {"patterns": "0" * 40, "why": ""}, {"patterns": "", "why": "y"}):
        assert act(operator, NODES, "retire", teacher.node, **fields).status_code == 200
    assert "Nothing yet" in page(operator, change(NODES, teacher.node).removesuffix("change/") + "acts/")
