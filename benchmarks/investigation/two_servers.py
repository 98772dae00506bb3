"""The reported failures, repeated with two programs on one port, and the controls."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import redis

from benchmarks.investigation import libraries
from benchmarks.investigation.checks import Verdict, run_checks, success_of_cycles
from benchmarks.investigation.findings import Table
from benchmarks.investigation.libraries import REQUESTS, WAVES, Sent, create_sessions
from benchmarks.investigation.names import IPV4
from benchmarks.investigation.servers import Behind, manage, one_server, two_servers

STALL_MS = 600
FAILING = {2: "ten sessions at once", 6: "manual clean-up", 11: "a hundred sessions", 13: "create, use, delete"}
FAILING |= {16: "ten writers of one session"}


def investigated(folder: Path, redis_url: str, *, runs: int, checks: Sequence[int]) -> list[Table]:
    """`runs`: repetitions of each wave and each series of cycles; `checks`: the numbers of the checks to run."""
    waves, controls = Table("fifty at once"), Table("controls")
    stress, identities, fifteen = Table("create, use, delete"), Table("request identities"), Table("fifteen checks")
    with two_servers(folder, redis_url) as behind:
        _waves(waves, behind, runs)
        _retries(waves, behind, redis_url)
        _identities(identities, behind)
        _two_servers_controls(controls, behind)
        _stress(stress, behind, runs)
        _command(stress, behind)
        _checks_that_fail(fifteen, behind, checks)
    with two_servers(folder, redis_url, kato_at=IPV4) as behind:
        for name, expected in (("aiohttp", 25), ("httpx", 0), ("requests", 0)):
            _wave(controls, f"roles exchanged, {name}", expected, behind, WAVES[name], runs)
    with one_server(folder, redis_url) as behind:
        _wave(controls, "one server at both addresses, aiohttp", REQUESTS, behind, libraries.by_aiohttp, runs)
        shares = [success_of_cycles(behind.name, 50, at_once=at_once) for at_once in (10, 5)]
        stress.add_equal("one server at both addresses; 10 at a time, then 5", "100 %, 100 %", _percent(shares))
        verdicts = run_checks(behind.name, checks)
        fifteen.add_equal("one server at both addresses: all", "pass", _failed(verdicts) or "pass")
        left = sum(one.clean_up for one in verdicts.values())
        fifteen.add_equal("one server at both addresses: sessions that could not be deleted afterwards", 0, left)
    return [waves, identities, fifteen, stress, controls]


def _succeeded(behind: Behind, wave: Callable[..., list[Sent]], url: str, **options: object) -> int:
    sent = wave(url, create_sessions(behind.kato), **options)
    return sum(one.status == 200 for one in sent)


def _wave(table: Table, done: str, expected: int, behind: Behind, wave: libraries.Wave, runs: int) -> None:
    """The claim is the number of successes in each of the runs."""
    found = [_succeeded(behind, wave, behind.name) for _ in range(runs)]
    table.add(done, f"{expected} of {REQUESTS} in every run", _listed(found), set(found) == {expected})


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _percent(shares: list[float]) -> str:
    return ", ".join(f"{share:.0%}".replace("%", " %") for share in shares)


def _waves(table: Table, behind: Behind, runs: int) -> None:
    for name, expected in (("aiohttp", 25), ("httpx", REQUESTS), ("requests", REQUESTS)):
        _wave(table, name, expected, behind, WAVES[name], runs)
    sent = libraries.by_aiohttp(behind.name, create_sessions(behind.kato))
    bodies = {f"{one.status} {one.body}" for one in sent if one.status != 200}
    table.add_equal("what aiohttp gets for the others", '404 {"detail":"Not Found"}', " or ".join(sorted(bodies)))
    answered = libraries.ten_health_checks(behind.name)
    split = ", ".join(f"{answered.count(name)} by {name}" for name in sorted(set(answered)))
    table.add_equal("ten times /health at once, aiohttp", "5 by another program, 5 by baseline", split)


def _retries(table: Table, behind: Behind, redis_url: str) -> None:
    """KATO is paused during the first attempt, so that its connections are certainly the last to become free."""
    for done, reads, expected in (
        ("successes at attempts 1, 2, 3; bodies of successes left unread", False, "25, 0, 0"),
        ("successes at attempts 1, 2, 3; every body read", True, "25, 0, 25"),
    ):
        sessions = create_sessions(behind.kato)
        with redis.Redis.from_url(redis_url) as store:
            store.client_pause(STALL_MS, all=True)
        found = libraries.recovered_by_attempt(behind.name, sessions, reads_successes=reads)
        table.add_equal(done, expected, _listed(found))


def _identities(table: Table, behind: Behind) -> None:
    sessions = create_sessions(behind.kato)
    behind.forget()
    sent = libraries.by_aiohttp(behind.name, sessions)
    failed = {one.trace for one in sent if one.status != 200}
    seen = behind.seen_by_kato()
    by_kato, by_stranger = {one.trace for one in seen}, {one.trace for one in behind.seen_by_stranger()}
    table.add_equal("requests with an identity of their own that failed", 25, len(failed))
    table.add_equal("of these, seen by KATO", 0, len(failed & by_kato))
    table.add_equal("of these, seen by the other program", 25, len(failed & by_stranger))
    table.add_equal("seen by KATO and by the other program", 0, len(by_kato & by_stranger))
    refused = sum(one.status != 200 for one in seen)
    table.add_equal("times KATO did not find a session, so times its verification had something to log", 0, refused)
    behind.forget()
    run_checks(behind.name, [2])
    observed = [one.status for one in behind.seen_by_kato() if one.path.endswith("/observe")]
    unknown = observed.count(404)
    found = f"{len(observed)} of 50, {unknown} answered 404"
    what = "observations of the check with ten sessions that reached KATO"
    table.add(what, "5 to 20 of 50, 0 answered 404", found, 5 <= len(observed) <= 20 and not unknown)


def _two_servers_controls(table: Table, behind: Behind) -> None:
    uncached = _succeeded(behind, libraries.by_aiohttp, behind.name, use_dns_cache=False)
    table.add_equal("two servers, aiohttp that resolves the name for each connection", "50 of 50", f"{uncached} of 50")
    by_address = _succeeded(behind, libraries.by_aiohttp, behind.kato)
    table.add_equal("two servers, aiohttp, KATO's address instead of the name", "50 of 50", f"{by_address} of 50")


def _stress(table: Table, behind: Behind, runs: int) -> None:
    for at_once in (10, 5):
        shares = [success_of_cycles(behind.name, 50, at_once=at_once) for _ in range(runs)]
        done = f"two servers; {at_once} at a time"
        table.add(done, "at most 20 % in every run", _percent(shares), max(shares) <= 0.2)


def _command(table: Table, behind: Behind) -> None:
    done = manage("stress", behind.name, "--json")
    report = json.loads(done.stdout)
    at = ", ".join(server["address"] for server in report["servers"])
    strangers = " ".join(report["warnings"])
    found = f"{report['success_ratio']:.0%}, answers from {at}, exit status {done.returncode}".replace("%", " %")
    holds = done.returncode == 1 and len(report["servers"]) == 2 and "127.0.0.1 does not know the routes" in strangers
    table.add("`manage.py stress http://localhost:…`", "fails and names the second server", found, holds)


def _failed(verdicts: dict[int, Verdict]) -> str:
    return ", ".join(f"{number}: {one.refused}" for number, one in verdicts.items() if one.refused)


def _checks_that_fail(table: Table, behind: Behind, numbers: Sequence[int]) -> None:
    verdicts = run_checks(behind.name, numbers)
    for number, name in FAILING.items():
        refused = verdicts.pop(number).refused
        table.add(f"two servers: {name} ({number})", "fails", refused or "passes", refused is not None)
    table.add_equal("two servers: all others", "pass", _failed(verdicts) or "pass")
    left = sum(one.clean_up for one in verdicts.values())
    table.add("two servers: sessions that the others could not delete afterwards", "some", left, left > 0)
