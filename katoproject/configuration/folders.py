"""Which folders can hold the data: some paths reach a program of the embedded servers as something else."""

import os
from pathlib import Path

# Some of PostgreSQL's programs start others by way of a shell, in double quotes.
OF_SHELLS = '$"`\\'
# PostgreSQL and its client read a list of folders, or of hosts.
_SEPARATOR = ","


def check_data_folder(folder: Path, *, embedded: bool) -> None:
    """Raises ValueError. `embedded`: PostgreSQL shall run in it."""
    text = str(folder)
    if not text.isprintable():
        raise ValueError(f"the path {text!r} contains a line break, another control character, or is not UTF-8")
    if text.startswith("~"):
        raise ValueError(f"the path {text!r} begins with ~, which only shells expand: write the whole path")
    wrong = [character for character in OF_SHELLS + _SEPARATOR if character in text]
    if embedded and wrong:
        raise ValueError(f"the embedded PostgreSQL cannot run in {text!r}: its path contains {' and '.join(wrong)}")
    for part in (folder, *folder.absolute().parents):
        if os.path.lexists(part) and not part.is_dir():
            raise ValueError(f"{str(part)!r} is not a folder, or a link to one that does not exist")


def cannot_be_written(folder: Path, error: OSError) -> str:
    """What to tell the operator. Only the attempt shows it: root may write to /proc by its permissions, but cannot."""
    return f"KATO_DATA_DIR: {str(folder)!r} cannot be written: {error.strerror}. Name a folder that keeps files"
