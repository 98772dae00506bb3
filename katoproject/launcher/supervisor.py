"""Keeps programs running until it is told to stop, then stops them in order."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable

from foundation import disk
from katoproject.launcher.processes import CannotStart, Program, end_group, spawn

FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0
# A program that ends within this time, several times in a row, does not work.
SHORT_LIFE = 5.0
MAX_SHORT_LIVES = 5
READY_LIMIT = 120.0
# The time limit of a stop, and the part of it that the stage started last may use.
STOP_LIMIT, LAST_STAGE_LIMIT = 9.0, 6.0
POLL = 0.05

Say = Callable[[str], None]


class Supervisor:
    def __init__(self, say: Say) -> None:
        self._say = say
        # In the order of their start; the programs of one stage start and stop together.
        self._stages: list[list[Program]] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._tending: list[asyncio.Task[None]] = []

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    async def run_to_end(self, program: Program) -> None:
        """Run a program to its end. Raises CannotStart when it fails."""
        self._stages.append([program])
        code = await self._exit_of(self._spawn(program))
        if code:
            raise CannotStart(f"{program.name} {_describe(code)}: see its output above.")
        self._stages.pop()
        del self._processes[program.name]

    async def bring_up(self, *programs: Program) -> None:
        """Start programs and return when all are ready; restart them from then on."""
        self._stages.append(list(programs))
        came_up = [asyncio.Event() for _ in programs]
        self._tending += [asyncio.create_task(self._tend(p, up)) for p, up in zip(programs, came_up, strict=True)]
        ready = asyncio.create_task(_all_set(came_up))
        failed = asyncio.create_task(self.watch())
        done, _ = await asyncio.wait({ready, failed}, timeout=READY_LIMIT, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        failed.cancel()
        if failed in done:
            await failed
        if ready not in done:
            missing = [program for program, up in zip(programs, came_up, strict=True) if not up.is_set()]
            names = ", ".join(program.name for program in missing)
            tails = "".join(program.log_tail() for program in missing)
            raise CannotStart(f"{names}: not ready after {READY_LIMIT:.0f} s.{tails}")

    async def watch(self) -> None:
        """Wait forever. Raises CannotStart when a program ends again and again."""
        done, _ = await asyncio.wait(self._tending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

    async def stop(self, hurry: asyncio.Event) -> None:
        """Stop all programs, the last started first; kill those that take too long.

        `hurry` cuts short what the last stage still does for its clients. The stages below it are the stores: they have
        nothing left to do by then, and always stop in order.
        """
        for task in self._tending:
            task.cancel()
        await asyncio.gather(*self._tending, return_exceptions=True)
        deadline = time.monotonic() + STOP_LIMIT
        last, *below = [*reversed(self._stages)] or [[]]
        await self._stop_stage(last, time.monotonic() + LAST_STAGE_LIMIT, hurry)
        for programs in below:
            await self._stop_stage(programs, deadline, asyncio.Event())

    async def _stop_stage(self, programs: list[Program], deadline: float, hurry: asyncio.Event) -> None:
        running = [(program, self._processes[program.name]) for program in programs if program.name in self._processes]
        for program, process in running:
            process.send_signal(program.stop_signal)
        while any(p.poll() is None for _, p in running) and time.monotonic() < deadline and not hurry.is_set():
            await asyncio.sleep(POLL)
        for program, process in running:
            if process.poll() is None:
                late = "" if hurry.is_set() else " did not stop in time:"
                self._say(f"{program.name}{late} killed")
            end_group(process.pid)
            process.wait()

    async def _tend(self, program: Program, came_up: asyncio.Event) -> None:
        short_lives, delay = 0, FIRST_DELAY
        while True:
            try:
                await asyncio.to_thread(program.prepare)
                process = self._spawn(program)
            except OSError as error:
                if error.errno not in disk.FULL:
                    raise
                if not came_up.is_set():
                    raise CannotStart(f"{program.name} cannot be prepared: {error}. {disk.REMEDY}") from error
                self._say(f"{program.name} cannot be prepared ({error}); trying again in {LONGEST_DELAY:.1f} s")
                await asyncio.sleep(LONGEST_DELAY)
                continue
            started = time.monotonic()
            if await self._becomes_ready(program, process):
                if came_up.is_set():
                    self._say(f"{program.name} is back (pid {process.pid})")
                came_up.set()
            code = await self._exit_of(process)
            # Its children may be alive and hold what the next process needs: a port, a lock.
            end_group(process.pid)
            lived = time.monotonic() - started
            # SIGKILL is no failure of the program: it comes from the operator, or from the kernel when memory is short.
            short_lives = short_lives + 1 if lived < SHORT_LIFE and code != -signal.SIGKILL else 0
            excuse = program.excuse() if came_up.is_set() else None
            if short_lives >= MAX_SHORT_LIVES and excuse is None:
                raise CannotStart(
                    f"{program.name} failed {short_lives} times in a row, the last time it {_describe(code)}."
                    f"{program.log_tail() or ' See its output above.'}"
                )
            delay = FIRST_DELAY if lived >= SHORT_LIFE else delay
            self._say(
                f"{program.name} {_describe(code)}; restarting in {delay:.1f} s" + (f" ({excuse})" if excuse else "")
            )
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        process = self._processes[program.name] = spawn(program)
        return process

    async def _becomes_ready(self, program: Program, process: subprocess.Popen[bytes]) -> bool:
        while process.poll() is None:
            if await asyncio.to_thread(program.is_ready):
                return True
            await asyncio.sleep(POLL)
        return False

    async def _exit_of(self, process: subprocess.Popen[bytes]) -> int:
        while (code := process.poll()) is None:
            await asyncio.sleep(POLL)
        return code


def _describe(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


async def _all_set(events: list[asyncio.Event]) -> None:
    for event in events:
        await event.wait()
