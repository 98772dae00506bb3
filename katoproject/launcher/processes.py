"""Child programs of this service: how any of them is started and stopped."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from katoproject.launcher.accounts import main_group

LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1


class CannotStart(Exception):
    """Something that this service needs does not start; the message says what and why."""


def nothing_to_prepare() -> None: ...


def ready_at_once() -> bool:
    return True


def no_excuse() -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Program:
    name: str
    command: list[str]
    # Where its output goes; None for the output of this process.
    log: Path | None = None
    # The account it runs under; None for that of this process.
    uid: int | None = None
    folder: Path | None = None
    environment: dict[str, str] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    # Called before every start, also after a crash: it must accept what is already there.
    prepare: Callable[[], None] = nothing_to_prepare
    is_ready: Callable[[], bool] = ready_at_once
    # Why the program itself is not to blame if it ends again and again: it is then started for ever.
    excuse: Callable[[], str | None] = no_excuse

    @contextmanager
    def spawn_options(self) -> Iterator[dict[str, Any]]:
        """Keyword arguments for `subprocess.Popen` or its asyncio equivalent; the log is open inside the block."""
        with self.log.open("ab") if self.log else nullcontext() as output:
            yield {
                "stdin": subprocess.DEVNULL,
                "stdout": output,
                "stderr": subprocess.STDOUT if output else None,
                "cwd": self.folder,
                "env": self.environment,
                # A session of its own: so Ctrl-C in a terminal reaches only the supervisor, which stops programs in
                # order, and the whole group can be ended when its leader is dead.
                "start_new_session": True,
                "preexec_fn": _end_with_parent(self.stop_signal),
                **account_options(self.uid),
            }

    def log_tail(self) -> str:
        """The last lines of the log of the program, to append to a message; empty without a log of its own."""
        if self.log is None or not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([f"\nThe last lines of {self.log}:", *(f"    {line}" for line in lines)])


def account_options(uid: int | None) -> dict[str, Any]:
    return {} if uid is None else {"user": uid, "group": main_group(uid), "extra_groups": []}


def _end_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """A function for the child to call before exec, so that even `kill -9` of its parent stops it; Linux only.

    On other systems the next start finds the orphans and ends them. The kernel watches the *thread* that forked, so
    spawn from a thread that lives as long as the child should.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def before_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before prctl took effect
            os.kill(os.getpid(), signal.SIGKILL)

    return before_exec


def spawn(program: Program) -> subprocess.Popen[bytes]:
    with program.spawn_options() as options:
        return subprocess.Popen(program.command, **options)


def start(program: Program, *, seconds: float = 60) -> subprocess.Popen[bytes]:
    """Start the program and return when it is ready. Raises CannotStart if it is not ready in time.

    Restarts the program if it ends early: after a kill -9 the first attempts may find what the dead one left.
    """
    deadline = time.monotonic() + seconds
    program.prepare()
    process = spawn(program)
    while not program.is_ready():
        if time.monotonic() > deadline:
            end_group(process.pid)
            process.wait()
            raise CannotStart(f"{program.name} is not ready after {seconds:.0f} s.{program.log_tail()}")
        if process.poll() is not None:
            time.sleep(0.2)
            process = spawn(program)
        time.sleep(0.02)
    return process


def stop(program: Program, process: subprocess.Popen[bytes], *, seconds: float = 8) -> None:
    """Stop the program with its stop signal, or kill it when that takes too long."""
    if process.poll() is None:
        process.send_signal(program.stop_signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        end_group(process.pid)
        process.wait()


def end_group(leader: int) -> None:
    """Kill a child and all that it has started, even if the child is dead and only its own children are alive."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return  # the whole group has ended already
