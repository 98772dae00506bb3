"""A node's file, received in parts. An export that broke off continues after the last line that arrived."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Self

import httpx

from kato_client import types
from kato_client._exchange import Policy, Receive, Wait, Work, open_stream
from kato_client._operations import ServiceOperations
from kato_client.errors import ConnectionFailed, ForeignServer, UnfitFile

# What a line is about, and how to ask for what follows it.
_POSITIONS = {"name": "after", "symbol": "after_symbol", "retired": "after_retired"}
_BEGINNING = b'{"kato":"node"'


class NodeFile:
    """Lines as they arrive. The file has whole lines only, and its first line once.

    head: the first line, once there is one. end: the last one, once the file is complete.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._last = b""
        self._begun = b""  # a line that has not arrived completely
        self._skips_head = False
        self.head: dict[str, Any] | None = None
        self.end: dict[str, Any] | None = None

    @classmethod
    @contextmanager
    def opened(cls, path: Path, *, resume: bool) -> Iterator[Self]:
        """A new file, or one that exists. Leaves no empty one behind. Raises OSError, and UnfitFile."""
        out = path.open("r+b" if resume and path.exists() else "x+b")
        try:
            with out:
                file = cls(out)
                try:
                    file._take_up()
                except ValueError:
                    raise UnfitFile(
                        f"{path} is no export of a node, so it cannot be continued; it is as it was"
                    ) from None
                yield file
        finally:
            if path.stat().st_size == 0:
                path.unlink()

    def _take_up(self) -> None:
        """Read what is there, and go on after its last whole line. Raises ValueError, before it changes anything."""
        end, rest = 0, b""
        for line in self._out:
            if line.endswith(b"\n"):
                end += len(line)
                self._keep(line)
            else:
                rest = line
        if self.head is None and not _BEGINNING.startswith(rest[: len(_BEGINNING)]):
            raise ValueError("the first line is that of no export")
        self.part_ends()
        self._out.seek(end)
        self._out.truncate()

    def part_begins(self) -> None:
        self._begun = b""
        self._skips_head = self.head is not None

    def receive(self, part: bytes) -> None:
        whole, newline, rest = part.rpartition(b"\n")
        if not newline:
            self._begun += part
            return
        lines = io.BytesIO(self._begun + whole + newline)
        self._begun = rest
        if self._skips_head:
            lines.readline()
            self._skips_head = False
        for line in lines:
            self._keep(line)
            self._out.write(line)

    def part_ends(self) -> None:
        """See whether the last line is the end of the file."""
        last = _read(self._last) if self._last else {}
        if last.get("end") is True:
            self.end = last

    def _keep(self, line: bytes) -> None:
        if self.head is None:
            head = _read(line)
            if head.get("kato") != "node":
                raise ValueError("the first line is that of no export")
            self.head = head
        self._last = line

    def position(self) -> dict[str, str]:
        """What asks for the rest of the file; nothing where it has no line yet. Raises UnfitFile."""
        if self.head is None:
            return {}
        if "moment" not in self.head:
            raise UnfitFile("The file cannot be continued: its first line has no moment, so another program wrote it")
        last = _read(self._last)
        named = {query: last[field] for field, query in _POSITIONS.items() if field in last}
        return {"moment": str(self.head["moment"]), **named}

    @property
    def size(self) -> int:
        return self._out.tell()


def _read(line: bytes) -> dict[str, Any]:
    """Raises ValueError."""
    match json.loads(line):
        case dict(read):
            return read
    raise ValueError("a line of an export is an object")


def export(policy: Policy, node_id: str, path: str | PathLike[str], *, resume: bool) -> Work[types.NodeExported]:
    """Receive the file of a node. Raises KatoError and OSError."""
    with NodeFile.opened(Path(path), resume=resume) as file:
        if file.head is not None and file.head.get("node_id") != node_id:
            raise UnfitFile(f"{path} is a file of node {file.head.get('node_id')!r}, not of {node_id!r}")
        pauses = iter(policy.delays)
        while file.end is None:
            size = file.size
            broken = yield from _receive(policy, node_id, file)
            if file.size > size:
                pauses = iter(policy.delays)
            elif file.end is None:
                pause = next(pauses, None)
                if pause is None:
                    what = f"The export of node {node_id!r} broke off after {size} bytes of {path}"
                    raise ConnectionFailed(f"{what}; resume=True continues it", performed=None) from broken
                yield Wait(pause)
        return {
            "patterns": file.end["patterns"],
            "affinities": file.end["affinities"],
            "retirements": file.end.get("retirements", 0),
        }


def _receive(policy: Policy, node_id: str, file: NodeFile) -> Work[httpx.TransportError | None]:
    """One response, to its end or until the transport's exception breaks it off."""
    asked = ServiceOperations.node_export
    call = asked.build(None, node_id, **file.position())
    yield from open_stream(policy, asked, call, call.path)
    file.part_begins()
    try:
        while isinstance(part := (yield Receive()), bytes):
            file.receive(part)
        file.part_ends()
    except ValueError as error:
        raise ForeignServer(f"The response is no export of node {node_id!r}: {error}") from error
    return part if isinstance(part, httpx.TransportError) else None
