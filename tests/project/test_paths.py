"""Every file that the documents name exists, and every one that comments in the code name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# `folder/file.py`, `folder/`, a folder of ours without the slash, a test's bare name; what follows `::` is a test.
_SUFFIX = r"(?:py|md|toml|yml|json|html|css|csv|svg|webp|txt)"
_PATH = re.compile(rf"`([\w.-]+(?:/[\w.-]+)*(?:/|/[\w.-]+\.{_SUFFIX}))(?:::[\w:]+)?`")
_FOLDER = re.compile(
    r"`((?:katoproject|sessions_app|memory_app|access_app|engine|foundation|benchmarks|clients|tests)(?:/\w+)+)`"
)
_BARE_TEST = re.compile(r"`(test_\w+\.py)(?:::[\w:]+)?`")
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)

# Made by the service or by `make`: not there in a fresh checkout.
_MADE = ("data/", ".venv/", "postgres/", "redis/", "run/", "bin/")


# Texts in tests name files that do not exist.
_CODE = ("katoproject", "sessions_app", "memory_app", "access_app", "engine", "foundation", "benchmarks", "supply")


def documents(root: Path) -> list[Path]:
    code = [path for package in _CODE for path in root.glob(f"{package}/**/*.py")]
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md"), *code])


def missing(root: Path) -> list[str]:
    """Paths that the documents name and that neither a folder around the document nor the root has."""
    tests = {path.name for path in root.glob("tests/**/test_*.py")}
    return [problem for document in documents(root) for problem in _missing_in(root, document, tests)]


def _missing_in(root: Path, document: Path, tests: set[str]) -> Iterator[str]:
    text = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), document.read_text())
    for found in (*_PATH.finditer(text), *_FOLDER.finditer(text)):
        named = found[1]
        exists = any((folder / named).exists() for folder in document.parents if folder.is_relative_to(root))
        if not exists and not named.startswith(_MADE):
            yield _problem(root, document, text, found)
    for found in _BARE_TEST.finditer(text):
        if found[1] not in tests:
            yield _problem(root, document, text, found)


def _problem(root: Path, document: Path, text: str, found: re.Match[str]) -> str:
    line = text.count("\n", 0, found.start()) + 1
    return f"{document.relative_to(root)}:{line}: {found[1]} does not exist"


def test_every_path_in_the_documents_exists() -> None:
    assert missing(ROOT) == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("`app/views.py`, `app/`, `docs/a.svg`, `app/views.py::test_it` and `test_views.py`", []),
        ("`data/postgres/`, `https://a/b.html`, `a/b`, `/jobs/{id}` and `pip install`", []),
        ("```\n`app/gone.py`\n```", []),
        ("`engine/gone`", ["README.md:1: engine/gone does not exist"]),
        ("so\n`app/gone.py`", ["README.md:2: app/gone.py does not exist"]),
        ("```\na\n```\n`gone/`", ["README.md:4: gone/ does not exist"]),
        ("`test_gone.py`", ["README.md:1: test_gone.py does not exist"]),
    ],
)
def test_a_path_that_does_not_exist_is_found(tmp_path: Path, text: str, problems: list[str]) -> None:
    for name in ("app/views.py", "docs/a.svg", "tests/app/test_views.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "README.md").write_text(text)
    assert missing(tmp_path) == problems


def test_a_path_in_a_comment_that_does_not_exist_is_found(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "here.py").write_text("# As in `engine/here.py`, not in `engine/gone.py`.\n")
    assert missing(tmp_path) == ["engine/here.py:1: engine/gone.py does not exist"]
