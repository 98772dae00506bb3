"""Places in documents that a command writes: `<!-- name -->` … `<!-- end of name -->`."""

import re
from pathlib import Path


def _place(name: str) -> re.Pattern[str]:
    begin, end = re.escape(f"<!-- {name} -->"), re.escape(f"<!-- end of {name} -->")
    return re.compile(f"({begin}\n)(.*?)({end})", re.DOTALL)


def write(name: str, content: str, file: Path) -> None:
    """Write the content into its place in the document. Raises ValueError if it has none, or several."""
    parts = _place(name).split(file.read_text())
    if len(parts) != 5:  # the text before, the begin mark, the old content, the end mark, the text after
        raise ValueError(f"{file.name} does not have one place for {name!r}")
    before, begin, _, end, after = parts
    file.write_text(f"{before}{begin}\n{content}\n\n{end}{after}")


def rows(name: str, file: Path) -> list[list[str]]:
    """The cells of the table in this place, without its headings; no rows if there is no such place."""
    place = _place(name).search(file.read_text())
    lines = place[2].strip().splitlines()[2:] if place else []
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
