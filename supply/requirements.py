"""`make requirements`: every package that `requirements*.in` need, with the hashes of its files.

python -m supply.requirements [--upgrade PACKAGE]   writes requirements*.txt; other packages keep their version
python -m supply.requirements --check               compares them with the index and changes nothing
"""

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
LISTS = ("requirements", "requirements-dev")
OLDEST_PYTHON = "3.11"
PYTHONS = (OLDEST_PYTHON, "3.12", "3.13")
# Numba has no wheels for Macs with Intel processors.
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")
HEADER = "# Made from {source} by `make requirements`: all packages, each with the hashes of its files. Do not edit.\n"

_COMPILE = (*(sys.executable, "-m", "uv", "--quiet", "--no-python-downloads", "pip", "compile"), "--no-header")
_PACKAGE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*])?==([^ ;\\]+)(?: ; ([^\\]*\S))?")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Pinned:
    version: str
    # The environments that need it, as in `sys_platform == 'win32'`; empty for all.
    marker: str
    hashes: frozenset[str]


def parse(text: str) -> dict[str, Pinned]:
    """The packages of a list by their normalised names."""
    packages: dict[str, Pinned] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if found := _PACKAGE.match(line):
            name, version, marker = found.groups()
            marker = (marker or "").partition("--hash")[0].strip()
            packages[normalised(name)] = Pinned(version, marker, frozenset(_HASH.findall(line)))
    return packages


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def compile_lists(folder: Path, *, upgrade: list[str]) -> None:
    """Write both lists in the folder. What they have already keeps its version, unless `*.in` say otherwise."""
    for name in LISTS:
        source, output = folder / f"{name}.in", folder / f"{name}.txt"
        command = [*_COMPILE, "--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes", "--no-annotate"]
        # The address of an index may hold a password.
        command += ["--no-emit-index-url", "--no-emit-find-links", *(f"--upgrade-package={one}" for one in upgrade)]
        if name != LISTS[0]:
            command += ["--constraints", f"{LISTS[0]}.txt"]
        subprocess.run(
            [*command, source.name, "--output-file", output.name], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        output.write_text(HEADER.format(source=source.name) + output.read_text())


def differences(committed: dict[str, Pinned], fresh: dict[str, Pinned]) -> list[str]:
    """What is wrong with a list. A file that was published since it was made is not: it is not installed."""
    found = [f"{name} is missing" for name in fresh.keys() - committed.keys()]
    found += [f"{name} is not needed" for name in committed.keys() - fresh.keys()]
    for name in committed.keys() & fresh.keys():
        ours, theirs = committed[name], fresh[name]
        if (ours.version, ours.marker) != (theirs.version, theirs.marker):
            found.append(f"{name} should be {theirs.version} {theirs.marker}".rstrip())
        elif strange := ours.hashes - theirs.hashes:
            found.append(f"{name} has hashes that the index does not know: {', '.join(sorted(strange))}")
    return sorted(found)


def check(folder: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary)
        for name in LISTS:
            for path in (folder / f"{name}.in", folder / f"{name}.txt"):
                (fresh / path.name).write_text(path.read_text())
        compile_lists(fresh, upgrade=[])
        found = [
            f"{name}.txt: {problem}"
            for name in LISTS
            for problem in differences(*(parse((at / f"{name}.txt").read_text()) for at in (folder, fresh)))
        ]
        return found + [problem for python in PYTHONS for problem in _without_wheels(fresh, python)]


def _without_wheels(folder: Path, python: str) -> list[str]:
    """The platforms on which a package would have to be built, by programs that no hash pins."""
    problems = []
    for platform in PLATFORMS:
        target = ["--python-version", python, "--python-platform", platform, "--only-binary", ":all:"]
        command = [*_COMPILE, *target, f"{LISTS[-1]}.txt", "--output-file", f"for-{platform}-{python}.txt"]
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode:
            problems.append(f"Python {python} on {platform}: {done.stderr.strip()}")
    return problems


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare only")
    parser.add_argument("--upgrade", action="append", default=[], help="take the newest version of this package")
    options = parser.parse_args()
    try:
        if not options.check:
            compile_lists(PROJECT, upgrade=options.upgrade)
        elif problems := check(PROJECT):
            raise SystemExit("\n".join([*problems, "Run: make requirements"]))
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"uv failed with exit code {error.returncode}: see its message above") from None


if __name__ == "__main__":
    main()
