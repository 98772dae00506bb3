"""The specification is consistent: every cited code and section exists, and every link has a target."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPECIFICATION = "docs/specification"

# Files that may contain citations. Data files contain foreign texts.
TEXTS = {".py", ".md", ".html", ".yml", ".toml", ".sh"}
NAMES_OF_TEXTS = {"Makefile", "Dockerfile", "run"}
NOT_OURS = {".git", "data", "results", "node_modules", "__pycache__"}
# This file cites codes that do not exist, to show that they are found.
THIS_FILE = "tests/project/test_specification.py"

# P and E have one digit, G one or two, R, Q and D two. What stands before and after keeps out what only looks like a
# code: `%F0`, `E501`, `p99`, hexadecimal digits, parts of names, decimals such as `P1.5`.
_ONE = r"(?:[RQD]\d\d|G\d{1,2}|[PE]\d)"
_BEFORE, _AFTER = r"(?<![\w%#&.\\-])", r"(?![\w%]|\.\d)"
_CODES = re.compile(rf"{_BEFORE}({_ONE})(?:\s*[–-]\s*({_ONE}))?{_AFTER}")
# A table whose first column is headed `code` defines codes.
_TABLE_OF_CODES = re.compile(r"^\| *code *\|.*\n\|[-| :]+\n((?:\|.*(?:\n|\Z))*)", re.MULTILINE)
_DEFINITION = re.compile(rf"^\|\s*({_ONE})\s*\|", re.MULTILINE)
_CODE_OF_DOCUMENT = re.compile(rf"\b((?:engine|http|decisions)\.md)(?:\]\([^)]*\))?,?\s+({_ONE}){_AFTER}")

# A document and the sections after it: `engine.md 5.3, 5.4 and appendix A`.
_SECTION = r"(?:\d+(?:\.\d+)*|[Aa]ppendix [A-Z])(?!\w|\.\d)"
_CITATION = re.compile(
    rf"\b(engine|http|kato-6)\.md(?:\]\([^)]*\))?,?\s+(?:\#\s+)?\(?(?:sections?\s+)?"
    rf"({_SECTION}(?:(?:,\s+|\s+and\s+|,\s+and\s+|\s+to\s+|\s*[–-]\s*){_SECTION})*)"
)
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$", re.MULTILINE)
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def texts(root: Path) -> dict[str, str]:
    """Path → content, of every text of the repository."""
    return {str(path): (root / path).read_text() for path in _files(root) if _is_text(path)}


def _files(root: Path) -> list[Path]:
    """The files that git tracks or would add; without git, all files."""
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            return [Path(name) for name in sorted(listed.stdout.split("\0")) if name and (root / name).is_file()]
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


def _is_text(path: Path) -> bool:
    left_out = any(part in NOT_OURS or part.startswith(".venv") for part in path.parts)
    return not left_out and (path.suffix in TEXTS or path.name in NAMES_OF_TEXTS) and str(path) != THIS_FILE


def specification(files: dict[str, str]) -> dict[str, str]:
    """Name of the document → content."""
    return {Path(path).name: text for path, text in files.items() if Path(path).parent.as_posix() == SPECIFICATION}


def cited_codes(text: str) -> Iterator[tuple[int, str]]:
    """Line and code of every citation; a range cites what is between its ends, too."""
    for found in _CODES.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        first, last = found.groups()
        for code in _between(first, last) if last else [first]:
            yield line, code


def _between(first: str, last: str) -> list[str]:
    if first[0] != last[0]:
        return [first, last]
    width = 2 if first[0] in "RQD" else 0
    return [f"{first[0]}{number:0{width}}" for number in range(int(first[1:]), int(last[1:]) + 1)]


def wrong_codes(files: dict[str, str]) -> list[str]:
    """Codes that are cited and not defined exactly once."""
    tables = [table for text in specification(files).values() for table in _TABLE_OF_CODES.findall(text)]
    defined = Counter(code for table in tables for code in _DEFINITION.findall(table))
    cited = {code: f"{path}:{line}" for path, text in files.items() for line, code in cited_codes(text)}
    return [
        f"{place}: {code} is defined {defined[code]} times in {SPECIFICATION}"
        for code, place in sorted(cited.items())
        if defined[code] != 1
    ]


def misplaced_codes(files: dict[str, str]) -> list[str]:
    """Codes that are cited by a document other than the one that defines them."""
    defined = {
        (document, code)
        for document, text in specification(files).items()
        for table in _TABLE_OF_CODES.findall(text)
        for code in _DEFINITION.findall(table)
    }
    return [
        f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {found[1]} does not define {found[2]}"
        for path, text in files.items()
        for found in _CODE_OF_DOCUMENT.finditer(text)
        if (found[1], found[2]) not in defined
    ]


def sections(document: str) -> set[str]:
    """The numbers of its headings; `Appendix A` counts as one."""
    titles = (found.strip("`*") for found in _HEADING.findall(_FENCE.sub("", document)))
    numbers = (re.match(r"(\d+(?:\.\d+)*)\.?(?:\s|$)|(Appendix [A-Z])\b", title) for title in titles)
    return {found[1] or found[2] for found in numbers if found}


def wrong_sections(files: dict[str, str]) -> list[str]:
    """Citations of sections of the specification that do not exist."""
    existing = {name: sections(text) for name, text in specification(files).items()}
    wrong = []
    for path, text in files.items():
        for found in _CITATION.finditer(text):
            document = f"{found[1]}.md"
            for section in re.findall(_SECTION, found[2]):
                if section.replace("appendix", "Appendix") not in existing.get(document, set()):
                    line = text.count("\n", 0, found.start()) + 1
                    wrong.append(f"{path}:{line}: {document} has no section {section}")
    return wrong


def anchors(document: str) -> set[str]:
    """The anchors that GitHub derives from its headings."""
    seen: Counter[str] = Counter()
    found = set()
    for title in _HEADING.findall(_FENCE.sub("", document)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return found


def wrong_links(root: Path, files: dict[str, str]) -> list[str]:
    """Relative links of the documents to files or headings that do not exist."""
    wrong = []
    for path, text in files.items():
        if path != "README.md" and not (path.startswith("docs/") and path.endswith(".md")):
            continue
        for target in _LINK.findall(_FENCE.sub("", text)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = (root / path).parent / name if name else root / path
            if not file.exists():
                wrong.append(f"{path}: {target} does not exist")
            elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
                wrong.append(f"{path}: {target} has no such heading")
    return wrong


def old_names(files: dict[str, str]) -> list[str]:
    """Citations of the specification by the name it had before it was a part of this repository."""
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if "http-api.md" in line
    ]


@pytest.fixture(scope="module")
def ours() -> dict[str, str]:
    return texts(ROOT)


def test_every_code_that_is_cited_is_defined_once(ours: dict[str, str]) -> None:
    assert wrong_codes(ours) == []


def test_every_code_is_cited_by_the_document_that_defines_it(ours: dict[str, str]) -> None:
    assert misplaced_codes(ours) == []


def test_every_section_that_is_cited_exists(ours: dict[str, str]) -> None:
    assert wrong_sections(ours) == []


def test_every_link_of_the_documents_leads_somewhere(ours: dict[str, str]) -> None:
    assert wrong_links(ROOT, ours) == []


def test_the_specification_is_cited_by_its_name(ours: dict[str, str]) -> None:
    assert old_names(ours) == []


# The checks on a small repository ------------------------------------------------------------------------------------

ENGINE = "# Engine\n\n## 5. Prediction\n\n### 5.3 Blocks\n\n#### 5.3.1 Runs\n\n### 5.4 matches\n\n## Appendix A. Text\n"
DECISIONS = """# Decisions

| code | here |
|---|---|
| R09 | waits |
| R10 | lives |
| P1 | sees |

| code | shows |
|---|---|
| G3 | clears |
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / SPECIFICATION
    folder.mkdir(parents=True)
    (folder / "engine.md").write_text(ENGINE)
    (folder / "decisions.md").write_text(DECISIONS)
    return tmp_path


def problems(root: Path, name: str, text: str) -> list[str]:
    """The findings of the checks with this additional file."""
    (root / name).write_text(text)
    files = texts(root)
    wrong = [*wrong_codes(files), *misplaced_codes(files), *wrong_sections(files)]
    return [*wrong, *wrong_links(root, files), *old_names(files)]


@pytest.mark.parametrize(
    "text",
    [
        "# in time (R09)",
        '"""R09, R10: lives (P1)."""',
        "R09–R10, and G3",
        "the values (engine.md 5.3, 5.4 and appendix A)",
        "(engine.md, appendix A), engine.md 5.3 to 5.4; engine.md section 5, for reading",
        "https://x/?a=%P9%E9  # noqa: E501, S110",
        "p99 P50 R2D2 E408 0xE9 D3FEND G1000 R09X P9.5 -R99 &E9; D99_9",
        "engine.md 5.3. It (engine.md 5.3.1).",
        "| R09 | a row of another table |",
        "decisions.md R09–R10",
    ],
)
def test_what_is_cited_well_is_no_problem(repository: Path, text: str) -> None:
    assert problems(repository, "code.py", text) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("in time\n(R11)", "code.py:2: R11 is defined 0 times in docs/specification"),
        ("R09–R11", "code.py:1: R11 is defined 0 times in docs/specification"),
        ("G3 and P9.", "code.py:1: P9 is defined 0 times in docs/specification"),
        ("engine.md 5.9", "code.py:1: engine.md has no section 5.9"),
        ("engine.md 5.3, 5.4 and 6", "code.py:1: engine.md has no section 6"),
        ("engine.md, appendix B", "code.py:1: engine.md has no section appendix B"),
        ("engine.md (sections 5.3 and 5.3.2)", "code.py:1: engine.md has no section 5.3.2"),
        ("engine.md R09", "code.py:1: engine.md does not define R09"),
        ("http.md 1.1", "code.py:1: http.md has no section 1.1"),
        ("# (http-api.md 1.1)", "code.py:1: # (http-api.md 1.1)"),
    ],
)
def test_what_is_cited_badly_is_found(repository: Path, text: str, problem: str) -> None:
    assert problems(repository, "code.py", text) == [problem]


def test_a_code_that_is_defined_twice_is_found(repository: Path) -> None:
    text = "| code | |\n|---|---|\n| R09 | again |\n"
    assert problems(repository, f"{SPECIFICATION}/more.md", text) == [
        "docs/specification/more.md:3: R09 is defined 2 times in docs/specification"
    ]


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[a](docs/specification/engine.md)", None),
        ("[a](docs/specification/engine.md#53-blocks)", None),
        ("[a](#here) [b](https://example.com/x#y)", None),
        ("```\n[a](nowhere.md)\n```", None),
        ("[a](nowhere.md)", "README.md: nowhere.md does not exist"),
        ("![a](docs/a.svg)", "README.md: docs/a.svg does not exist"),
        ("[a](#there)", "README.md: #there has no such heading"),
        ("[a](docs/specification/engine.md#53)", "README.md: docs/specification/engine.md#53 has no such heading"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(repository: Path, link: str, problem: str | None) -> None:
    assert problems(repository, "README.md", f"# Here\n\n{link}\n") == ([problem] if problem else [])
