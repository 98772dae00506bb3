"""Both distributions of the client build, install into an empty environment, and describe themselves."""

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CLIENT_DIR = Path(__file__).resolve().parents[2] / "clients" / "python"
PROJECT = tomllib.loads((CLIENT_DIR / "pyproject.toml").read_text())

# The two hooks of PEP 517, as an installer calls them.
BUILD = """
import importlib, sys
backend = importlib.import_module(sys.argv[1])
print(backend.build_sdist(sys.argv[2]))
print(backend.build_wheel(sys.argv[2]))
"""

LOOK = """
import importlib.metadata, json, pathlib, kato_client
about = importlib.metadata.metadata("kato-client")
print(json.dumps({
    "file": kato_client.__file__,
    "typed": (pathlib.Path(kato_client.__file__).parent / "py.typed").exists(),
    "missing": [name for name in kato_client.__all__ if not hasattr(kato_client, name)],
    "about": about.json,
    "commands": [entry.name for entry in importlib.metadata.distribution("kato-client").entry_points],
}))
"""


class Distributions(NamedTuple):
    sdist: Path
    wheel: Path


def run(*command: str | Path, cwd: Path) -> str:
    # Without PYTHONPATH and the like: imports must come from the installation.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    result = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def fresh_environment(at: Path, *requirements: str | Path) -> Path:
    """Create an environment with these requirements and their dependencies only, without pip; return its Python."""
    run(sys.executable, "-m", "venv", "--without-pip", at, cwd=at.parent)
    python = at / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", *requirements, cwd=at.parent)
    return python


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    folder = tmp_path_factory.mktemp("distributions")
    python = fresh_environment(folder / "builder", *PROJECT["build-system"]["requires"])
    output = run(python, "-c", BUILD, PROJECT["build-system"]["build-backend"], folder, cwd=CLIENT_DIR)
    sdist, wheel = output.split()
    return Distributions(folder / sdist, folder / wheel)


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", Distributions._fields)
def test_it_installs_where_nothing_else_is(distributions: Distributions, kind: str, tmp_path: Path) -> None:
    python = fresh_environment(tmp_path / "fresh", getattr(distributions, kind))
    seen = json.loads(run(python, "-c", LOOK, cwd=tmp_path))
    assert Path(seen["file"]).is_relative_to(tmp_path / "fresh")
    assert seen["typed"]
    assert seen["missing"] == []
    assert_described(seen["about"])
    assert sorted(seen["commands"]) == sorted(PROJECT["project"]["scripts"])
    for command in seen["commands"]:
        assert f"usage: python -m kato_client.{command.removeprefix('kato-')}" in run(
            tmp_path / "fresh" / "bin" / command, "--help", cwd=tmp_path
        )


def assert_described(about: dict[str, Any]) -> None:
    project = PROJECT["project"]
    assert (about["name"], about["version"]) == (project["name"], project["version"])
    assert about["summary"] == project["description"]
    assert about["author"] == "KATO on Django maintainers"
    assert about["requires_python"] == ">=3.11"
    assert [line.partition(";")[0] for line in about["requires_dist"]] == ["httpx<1,>=0.27", "websockets>=14"]
    assert about["keywords"]
    assert "Typing :: Typed" in about["classifier"]
    assert about["description_content_type"] == "text/markdown"
    assert about["description"].strip() == (CLIENT_DIR / "README.md").read_text().strip()


def test_they_hold_the_sources_and_nothing_else(distributions: Distributions) -> None:
    package = CLIENT_DIR / "src" / "kato_client"
    sources = {path.relative_to(package.parent) for path in [*package.rglob("*.py"), package / "py.typed"]}
    with tarfile.open(distributions.sdist) as archive:
        packed = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    beside = {str(path) for path in packed - {Path("src", path) for path in sources}}
    # The build backend adds the repository's .gitignore where there is one.
    assert beside - {".gitignore"} == {"CHANGELOG.md", "README.md", "pyproject.toml", "PKG-INFO"}
    with zipfile.ZipFile(distributions.wheel) as archive_of_wheel:
        installed = {Path(name) for name in archive_of_wheel.namelist()}
    assert {path for path in installed if path.parts[0] == "kato_client"} == sources


def test_the_changelog_knows_the_version() -> None:
    assert f"\n## {PROJECT['project']['version']}" in (CLIENT_DIR / "CHANGELOG.md").read_text()
