"""Hosts with folders of their own, processes that come and go, and files that are damaged: any order of all of it.

After each step an index shows and predicts what one does that was read from the database just now.
"""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from benchmarks.stack import eventually
from engine.contracts import KATO_6_3
from engine.predict import predict
from engine.view import View
from memory_app import content, feed
from memory_app.index_files.folder import IndexFolder
from memory_app.node_index import NodeIndex
from memory_app.operations.acts import forget
from memory_app.operations.nodes import clear, reindex
from memory_app.operations.purging import purge
from memory_app.operations.retiring import retire, un_retire
from memory_app.stores import PATTERNS
from tests.support.indexes import read_from_the_table, shown, use_folder
from tests.support.taught import lesson, teach

LARGE = 60
STEPS = 50


@dataclass
class Host:
    """Two processes that share a folder."""

    path: Path
    files: IndexFolder
    processes: list[NodeIndex] = field(default_factory=list)

    def start(self, node: str) -> None:
        self.processes = [NodeIndex(node) for _ in range(2)]


class World:
    def __init__(self, hosts: list[Host], patch: pytest.MonkeyPatch, chance: random.Random) -> None:
        self.node = f"node-{uuid.uuid4().hex}"
        self.hosts, self._patch, self.chance = hosts, patch, chance
        self.learned = 0
        for host in hosts:
            host.start(self.node)
        self.learn(100)

    def learn(self, count: int) -> None:
        made = (f"n{number}" for number in range(self.learned, self.learned + count))
        teach(self.node, *(lesson(name, "common", f"of {self.chance.randrange(9)}") for name in made))
        self.learned += count

    def some_names(self) -> list[str]:
        known = sorted(shown(self.from_the_table())["patterns"])
        return self.chance.sample(known, min(len(known), 3))

    def from_the_table(self) -> View:
        return read_from_the_table(self.node, self._patch)

    def follow(self, host: Host, number: int) -> View:
        """As that process of the host; what it writes in a thread is written when this returns."""
        use_folder(self._patch, host.files)
        index = host.processes[number]
        view = index.follow().view
        if (renewal := index.renewal) is not None:
            eventually(lambda: renewal.is_done, "the file is written")
        return view

    def check(self) -> None:
        host, number = self.chance.choice(self.hosts), self.chance.randrange(2)
        view, expected = self.follow(host, number), self.from_the_table()
        assert shown(view) == shown(expected)
        assert predictions(view) == predictions(expected)


def predictions(view: View) -> list[bytes]:
    found = []
    for stm in ([["common"]], [["n3"], ["common"]], [["common"], ["of 1"]], [["n90"], ["of 4"]]):
        found.append(predict(view, stm, {}, contract=KATO_6_3, emotives=lambda names: {}).predictions)
    return found


_COUNT_TWICE = """
    UPDATE memory_app_pattern SET frequency = 2 * frequency
    WHERE memory = (SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s)
"""


# Steps ---------------------------------------------------------------------------------------------------------------


def learn_few(world: World) -> None:
    world.learn(world.chance.randint(1, 5))


def learn_many(world: World) -> None:
    world.learn(LARGE)


def learn_again(world: World) -> None:
    known = (lesson("n1", "common", "of 1"), lesson("n2", "of 2"))
    un_retire(node_id=world.node, names=[one.name for one in known])
    teach(world.node, *known)


def retire_some(world: World) -> None:
    retire(node_id=world.node, names=world.some_names())


def restore_all(world: World) -> None:
    un_retire(node_id=world.node, names=shown(world.from_the_table())["retired"])


def purge_some(world: World) -> None:
    names = world.some_names()
    retire(node_id=world.node, names=names)
    purge(node_id=world.node, names=names, limit=len(names))


def forget_acts(world: World) -> None:
    while forget(kept=0, seconds=0):
        pass


def clear_all(world: World) -> None:
    clear(node_id=world.node)
    world.learn(world.chance.choice([0, 2, 2 * LARGE]))


def rebuild(world: World) -> None:
    """After a repair by hand, which no change feed tells."""
    PATTERNS.execute(_COUNT_TWICE, {"node_id": world.node})
    reindex(node_id=world.node)


def restart(world: World) -> None:
    world.chance.choice(world.hosts).processes[world.chance.randrange(2)] = NodeIndex(world.node)


def restart_host(world: World) -> None:
    world.chance.choice(world.hosts).start(world.node)


def damage_a_file(world: World) -> None:
    """As a disk would, so in a new file: what is mapped stays as it is. New processes find it."""
    host = world.chance.choice(world.hosts)
    for path in host.path.glob("*.index"):
        damaged = bytearray(path.read_bytes())
        written = [place for place in range(len(damaged)) if damaged[place]]
        # Not `choice`: how much chance that uses up depends on how many there are, which no seed decides.
        damaged[written[int(world.chance.random() * len(written))]] ^= 1
        path.unlink()
        path.write_bytes(damaged)
    host.start(world.node)


def lose_a_folder(world: World) -> None:
    for path in world.chance.choice(world.hosts).path.iterdir():
        path.unlink()


_STEPS: list[tuple[Callable[[World], None], int]] = [
    *((learn_few, 6), (learn_many, 2), (learn_again, 3), (retire_some, 3), (restore_all, 1), (purge_some, 2)),
    *((forget_acts, 1), (clear_all, 1), (rebuild, 1), (restart, 4), (restart_host, 2), (damage_a_file, 2)),
    (lose_a_folder, 1),
]


@pytest.mark.parametrize("seed", range(4))
def test_an_index_is_right_after_any_steps(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same_database: None
) -> None:
    monkeypatch.setattr(content, "SMALLEST_FILE", LARGE)
    monkeypatch.setattr(feed, "PATTERNS_AT_ONCE", 40)
    monkeypatch.setattr(content, "_PAUSE", 0.0)
    hosts = [Host(path, IndexFolder(path, budget=10**9)) for path in (tmp_path / "one", tmp_path / "other")]
    for host in hosts:
        host.path.mkdir()
    chance = random.Random(seed)
    world = World(hosts, monkeypatch, chance)
    done: list[str] = []
    steps, weights = zip(*_STEPS, strict=True)
    for step in chance.choices(steps, weights, k=STEPS):
        done.append(step.__name__)
        step(world)
        try:
            world.check()
        except BaseException as error:
            error.add_note(f"seed {seed}, after {', '.join(done)}")
            raise


@pytest.fixture(autouse=True)
def no_connection_stays(server: object, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    yield
    with django_db_blocker.unblock():
        connection.close()
