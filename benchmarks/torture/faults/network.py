"""The network between the service and its stores."""

from typing import ClassVar, Literal

from benchmarks.stack.proxy import FAIR, Cut, Direction, Proxy, Weather
from benchmarks.torture.faults.fault import AT_ONCE, Breakage, kind

Store = Literal["postgresql", "redis"]
_TITLES: dict[Store, str] = {"postgresql": "PostgreSQL", "redis": "Redis"}

_WEATHERS: dict[str, Weather] = {
    "cut after the request": Weather(cut=Cut.AFTER_THE_REQUEST, share=0.1),
    "cut before the answer": Weather(cut=Cut.BEFORE_THE_ANSWER, share=0.1),
    "delayed": Weather(delay=0.1),
    "deaf (nothing gets there)": Weather(held=frozenset({Direction.TO_SERVER})),
    "mute (nothing comes back)": Weather(held=frozenset({Direction.TO_CLIENT})),
}


class _Network(Breakage):
    store: ClassVar[Store]

    @property
    def proxy(self) -> Proxy:
        return self.stack.database.address if self.store == "postgresql" else self.stack.cache.address


class _BadWeather(_Network):
    weather: ClassVar[Weather]

    def begin(self) -> None:
        self.proxy.change(self.weather)

    def end(self) -> None:
        self.proxy.change(FAIR)


class _Forgotten(_Network):
    """As by a firewall: open connections lead nowhere, new ones work. The service finds out by itself."""

    seconds = AT_ONCE

    def begin(self) -> None:
        self.proxy.forget()

    def afterwards(self) -> None:
        """The stores find out, as keep-alives would tell them. Until then these connections hold their places."""
        self.proxy.close_forgotten()


def _register(store: Store) -> None:
    parts = {"store": store, "breaks": frozenset({store})}
    for name, weather in _WEATHERS.items():
        kind(type("_BadWeather", (_BadWeather,), {**parts, "name": f"{_TITLES[store]} {name}", "weather": weather}))
    kind(type("_Forgotten", (_Forgotten,), {**parts, "name": f"connections to {_TITLES[store]} forgotten"}))


for _store in _TITLES:
    _register(_store)
