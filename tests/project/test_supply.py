"""What the project takes from others is pinned to its content: packages by hashes, images by digests."""

import fnmatch
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from katoproject.configuration.environment import PROJECT_DIR
from supply import audit, images, requirements
from supply.requirements import LISTS, Pinned, normalised, parse

DIGESTS = {image: f"sha256:{number:064x}" for number, image in enumerate(("a/db:1", "python:3.11-slim", "b/cache:2-x"))}


def text(name: str) -> str:
    return (PROJECT_DIR / name).read_text()


def direct(name: str) -> dict[str, str]:
    """What a list of ours asks for: names and versions."""
    pattern = re.compile(r"^([\w.-]+)(?:\[\w+])?==(\S+)$", re.MULTILINE)
    return {normalised(package): version for package, version in pattern.findall(text(f"{name}.in"))}


# Packages -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
def test_every_package_has_hashes_and_nothing_else_is_listed(name: str) -> None:
    lines = text(f"{name}.txt").replace("\\\n", " ").splitlines()
    package = re.compile(r"[a-z0-9.-]+==\S+( ; [\w.' <>=!]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in lines if not line.startswith("#") and not package.fullmatch(line.rstrip())] == []
    assert len(parse(text(f"{name}.txt"))) == sum(not line.startswith("#") for line in lines)


@pytest.mark.parametrize("name", LISTS)
def test_what_we_ask_for_has_one_version_and_is_in_the_list(name: str) -> None:
    asked = [
        line for line in text(f"{name}.in").splitlines() if line and not line.startswith(("#", "-r requirements.in"))
    ]
    assert len(direct(name)) == len(asked)
    assert (
        direct(name).items()
        <= {package: pinned.version for package, pinned in parse(text(f"{name}.txt")).items()}.items()
    )


def test_tests_run_with_the_packages_that_the_service_runs_with() -> None:
    run, dev = (parse(text(f"{name}.txt")) for name in LISTS)
    assert run.items() <= dev.items()


def test_every_package_that_we_ask_for_is_explained() -> None:
    cells = re.findall(r"^\| ([^|]+) \|", text("docs/dependencies.md"), re.MULTILINE)
    explained = [normalised(re.sub(r"\[\w+]", "", word)) for cell in cells for word in re.split(r", | \(.*", cell)]
    asked = direct(LISTS[0]) | direct(LISTS[1])
    assert [name for name in asked if not any(fnmatch.fnmatch(name, pattern) for pattern in explained)] == []


@pytest.mark.parametrize(
    "name", ["Makefile", "Dockerfile", ".ci/run", ".github/workflows/ci.yml", "docs/operations.md"]
)
def test_nothing_is_installed_without_hashes(name: str) -> None:
    installations = [line for line in text(name).splitlines() if re.search(r"\b(pip|uv) install\b", line)]
    assert all("--require-hashes --only-binary :all:" in line for line in installations), installations
    assert installations or name.startswith(".")


def package(version: str, *hashes: str, marker: str = "") -> dict[str, Pinned]:
    return {"a": Pinned(version, marker, frozenset(hashes))}


@pytest.mark.parametrize(
    ("committed", "fresh", "problems"),
    [
        (package("1", "x"), package("1", "x", "published later"), []),
        (package("1", "x"), {}, ["a is not needed"]),
        ({}, package("1", "x"), ["a is missing"]),
        (package("1", "x"), package("2", "x"), ["a should be 2"]),
        (package("1", "x"), package("1", "x", marker="m"), ["a should be 1 m"]),
        (package("1", "x", "forged"), package("1", "x"), ["a has hashes that the index does not know: forged"]),
    ],
)
def test_a_list_that_differs_from_the_index_is_found(
    committed: dict[str, Pinned], fresh: dict[str, Pinned], problems: list[str]
) -> None:
    assert requirements.differences(committed, fresh) == problems


# Advisories -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "vulnerable", "unchecked"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, [], ""),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]},
            ["a 1: X-1, fixed in 2"],
            "",
        ),
        ({"dependencies": [{"name": "a", "skip_reason": "not found"}]}, [], "no network: the advisory database"),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]},
            [],
            "no response about b",
        ),
        ({"dependencies": []}, [], "no network"),
    ],
)
def test_a_package_that_could_not_be_looked_up_is_never_called_safe(
    output: object, vulnerable: list[str], unchecked: str
) -> None:
    found, reason = audit.report(json.dumps(output), "")
    assert found == vulnerable
    assert reason.startswith(unchecked)
    assert bool(reason) == bool(unchecked)


def test_an_audit_that_ended_with_an_error_has_checked_nothing() -> None:
    assert audit.report("", "Traceback\nConnectionError: no route\n") == (
        [],
        "no network, or no response from the advisory database (ConnectionError: no route)",
    )


def test_an_audit_without_pip_audit_says_so() -> None:
    found, reason = audit.report("", "/usr/bin/python: No module named pip_audit\n")
    assert (found, "network" in reason) == ([], False)
    assert reason.startswith("pip-audit is not installed")


# Images ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nRUN true\n")
    (tmp_path / "docker-compose.yml").write_text(
        "services:\n  app:\n    image: ours\n"
        f"  db:\n    image: a/db:1@sha256:{'f' * 64}\n"
        "  cache:\n    image: b/cache:2-x\n"
    )
    return tmp_path


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, which knows the digests in the file that is returned."""
    known = tmp_path / "known.json"
    known.write_text(json.dumps(DIGESTS))
    program = tmp_path / "programs" / "docker"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "assert sys.argv[1:-1] == ['buildx', 'imagetools', 'inspect', '--format', '{{json .Manifest}}']\n"
        f"known = json.load(open({str(known)!r}))\n"
        "if sys.argv[-1] not in known:\n    sys.exit('no such host')\n"
        "print(json.dumps({'digest': known[sys.argv[-1]]}))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return known


def test_each_image_gets_the_digest_that_its_tag_has_now(project: Path, docker: Path) -> None:
    assert images.without_digest(project) == ["Dockerfile: python:3.11-slim", "docker-compose.yml: b/cache:2-x"]
    images.pin(project)
    assert images.without_digest(project) == []
    assert (project / "Dockerfile").read_text() == f"FROM python:3.11-slim@{DIGESTS['python:3.11-slim']}\nRUN true\n"
    composed = (project / "docker-compose.yml").read_text()
    assert f"image: a/db:1@{DIGESTS['a/db:1']}\n" in composed
    assert "image: ours\n" in composed


@pytest.mark.parametrize("answer", [{}, DIGESTS | {"b/cache:2-x": "latest"}])
def test_without_every_digest_nothing_is_written(project: Path, docker: Path, answer: dict[str, str]) -> None:
    docker.write_text(json.dumps(answer))
    before = [(project / name).read_text() for name in images.FILES]
    with pytest.raises(SystemExit, match=r"No digest of .* Nothing was changed"):
        images.pin(project)
    assert [(project / name).read_text() for name in images.FILES] == before


def test_images_without_a_digest_are_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "supply.images", "--check"], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    named = [line for line in done.stderr.splitlines() if ": " in line and not line.startswith("Where")]
    assert named == images.without_digest(PROJECT_DIR)
    assert done.returncode == bool(named)
