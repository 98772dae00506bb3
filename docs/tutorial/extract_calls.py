"""Write calls.csv: the calls of each function of Python's standard library, in their order.

Run it as `python3.11 extract_calls.py > calls.csv`. It leaves out private corners and generated tables, functions with
fewer than 3 or more than 20 calls, and calls to names that fewer than 4 functions use, because these cannot be learned.
"""

import ast
import csv
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

LEFT_OUT = {
    "test", "tests", "site-packages", "idlelib", "lib2to3", "turtledemo", "turtle.py", "ensurepip", "distutils",
    "encodings", "pydoc_data", "tkinter", "msilib",
}  # fmt: skip
FEWEST_USES = 4
SHORTEST, LONGEST = 3, 20

Function = tuple[str, list[str]]


def functions(tree: ast.Module, module: str) -> Iterator[Function]:
    """Every function of a module with the names that it calls, innermost call first, as Python performs them."""
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                owner = f"{parent.name}." if isinstance(parent, ast.ClassDef) else ""
                calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
                calls.sort(key=lambda call: (call.end_lineno, call.end_col_offset))
                names = [name for call in calls if (name := name_of(call.func))]
                yield f"{module}.{owner}{node.name}", names


def name_of(called: ast.expr) -> str | None:
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def library() -> Iterator[Function]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if not LEFT_OUT & {*parts, path.name} and not parts[0].startswith("config-"):
            module = ".".join(parts).removesuffix(".__init__")
            yield from functions(ast.parse(path.read_text(encoding="utf-8")), module)


def with_common_calls(found: list[Function]) -> list[Function]:
    """Leaving rare names out makes functions shorter, which makes further names rare: until nothing changes."""
    while True:
        uses = Counter(name for _, calls in found for name in set(calls))
        common = [
            (function, [name for name, _ in groupby(name for name in calls if uses[name] >= FEWEST_USES)])
            for function, calls in found
        ]
        kept = [(function, calls) for function, calls in common if SHORTEST <= len(calls) <= LONGEST]
        if kept == found:
            return kept
        found = kept


if __name__ == "__main__":
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["function", "calls"])
    out.writerows((function, " ".join(calls)) for function, calls in with_common_calls(list(library())))
