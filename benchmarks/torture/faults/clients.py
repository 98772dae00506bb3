"""Clients that do not wait for a response."""

from benchmarks.torture.faults.fault import Breakage, kind


@kind
class ClientsVanish(Breakage):
    name = "clients vanish"
    breaks = frozenset({"clients"})
    seconds = (1.0, 4.0)

    def begin(self) -> None:
        self.around.vanish(0.15)

    def end(self) -> None:
        self.around.vanish(None)
