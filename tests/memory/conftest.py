"""What the tests of indexes share."""

import pytest

from memory_app import feed


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the pages that indexes have read."""
    read: list[int] = []
    whole = feed.next_patterns

    def counted(memory: int, *, after: bytes) -> feed.Page:
        page = whole(memory, after=after)
        read.append(len(page.patterns.frequencies))
        return page

    monkeypatch.setattr(feed, "next_patterns", counted)
    return read
