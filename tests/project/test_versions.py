"""A version is stated in one place, and where a tool must find it the two agree."""

import re
import tomllib

import pytest

from katoproject.configuration.environment import PROJECT_DIR
from katoproject.configuration.versions import API_VERSIONS, RELEASE

SOURCE = "katoproject/configuration/versions.py"


def files_with(text: str) -> set[str]:
    """Of the program; documents and tests may say which version they speak of."""
    program = (
        path
        for package in ("engine", "foundation", "katoproject", "memory_app", "sessions_app")
        for path in (PROJECT_DIR / package).rglob("*.py")
    )
    others = (PROJECT_DIR / name for name in ("manage.py", "Makefile", "Dockerfile", "docker-compose.yml"))
    return {str(path.relative_to(PROJECT_DIR)) for path in (*program, *others) if text in path.read_text()}


@pytest.mark.parametrize("version", [RELEASE, *API_VERSIONS.values()])
def test_a_version_is_stated_once(version: str) -> None:
    assert files_with(version) == {SOURCE}


def test_the_project_and_its_changelog_agree() -> None:
    assert tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]["version"] == RELEASE
    [newest, *_] = re.findall(r"^## (\d\S*)", (PROJECT_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == RELEASE
