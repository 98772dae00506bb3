"""From nothing to a running service, in the order in which things need each other."""

import asyncio
import os
import secrets
import signal
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from foundation.metrics import folder as monitoring
from katoproject.configuration.environment import PROJECT_DIR, Environment
from katoproject.configuration.locations import data_dir
from katoproject.launcher import orphans, postgres, redis
from katoproject.launcher.installation import make_data_folder
from katoproject.launcher.loopback import relay
from katoproject.launcher.preflight import check_port, sole_owner_of
from katoproject.launcher.processes import CannotStart, Program
from katoproject.launcher.supervisor import Supervisor
from katoproject.launcher.web_program import is_healthy, web_command

# Background jobs are few and short; each process costs about 60 MB.
WORKER_PROCESSES = 2


def up(environment: Environment, *, only_stores: bool = False) -> None:
    """Run the service, or its embedded servers alone, until SIGINT or SIGTERM.

    Raises CannotStart with the reason when it cannot run.
    """
    data = data_dir()
    try:
        make_data_folder(data)
        with sole_owner_of(data):
            asyncio.run(Service(environment, data, only_stores=only_stores).run())
    except PermissionError as error:
        raise CannotStart(
            f"{error}. The data folder {data} must belong to the user who starts the service: "
            "start under that account, or set KATO_DATA_DIR to another folder."
        ) from error


class Service:
    def __init__(self, environment: Environment, data: Path, *, only_stores: bool) -> None:
        self.serve = self.serve_stores if only_stores else self.serve_everything
        self.environment = environment
        self.data = data
        self.started = time.monotonic()
        self.supervisor = Supervisor(self.say)
        # Closed after the web server, which still answers what it has begun.
        self.until_stopped = AsyncExitStack()
        self.child_environment = {
            **os.environ,
            "KATO_INSTANCE_ID": environment.instance_id or secrets.token_hex(6),
            orphans.MARK: str(data),
        }

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)

    async def run(self) -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told_to_stop() -> None:
            if stop.is_set():
                hurry.set()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, told_to_stop)
        serving = asyncio.create_task(self.serve())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                self.say("Stopping; a second Ctrl-C stops at once")
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await self.supervisor.stop(hurry)
            await self.until_stopped.aclose()
        if not stop.is_set():
            serving.result()  # raises the reason
        self.say("Stopped")

    async def serve_stores(self) -> None:
        if self.environment.database_url is not None and self.environment.effective_redis_url is not None:
            raise CannotStart("DATABASE_URL and the setting of Redis name other servers: there is none to start here")
        await self.end_orphans()
        await self.bring_up_stores()
        self.say(f"The stores are up, and nothing else. Data: {self.data}. Stop: Ctrl-C, or kill {os.getpid()}")
        await self.supervisor.watch()

    async def serve_everything(self) -> None:
        await self.end_orphans()
        self.child_environment[monitoring.VARIABLE] = str(monitoring.empty_folder(self.data, self.environment.port))
        check_port(self.environment.host, self.environment.port)
        await self.bring_up_stores()
        self.say("Bringing the database's tables up to date")
        await self.supervisor.run_to_end(self.python("migrate", "manage.py", "migrate", "--verbosity=1"))
        self.say("Collecting the files of the documentation and the console")
        await self.supervisor.run_to_end(
            self.python("collectstatic", "manage.py", "collectstatic", "--noinput", "--verbosity=0")
        )
        self.say("Preparing the kernels of predictions (about a minute the first time)")
        await self.supervisor.run_to_end(self.python("kernels", "manage.py", "compile_kernels"))
        await self.serve_both_loopback_families()
        self.say(f"Starting {self.environment.workers} web workers, a background worker and the scheduler")
        await self.supervisor.bring_up(*self.programs())
        self.print_summary()
        await self.supervisor.watch()

    async def end_orphans(self) -> None:
        left = orphans.children_of_up(self.data)
        if left:
            self.say(f"Ending {len(left)} processes that an earlier, killed run left behind")
            await asyncio.to_thread(orphans.end, left, signal.SIGTERM)

    async def bring_up_stores(self) -> None:
        if self.environment.database_url is None:
            self.say("Starting PostgreSQL" if (self.data / "postgres").exists() else "Creating a PostgreSQL cluster")
            await self.supervisor.bring_up(postgres.program(self.data))
        if self.environment.effective_redis_url is None:
            self.say("Starting Redis")
            await self.supervisor.bring_up(redis.program(self.data))

    def programs(self) -> list[Program]:
        environment = self.environment
        web = Program(
            name="web",
            command=web_command(environment.host, environment.port, environment.workers),
            folder=PROJECT_DIR,
            environment=self.child_environment,
            is_ready=partial(is_healthy, self.own_address, environment.port),
        )
        # Celery warns root because of pickled messages, which this service does not accept.
        celery = ("-W", "ignore:You're running the worker", "-m", "celery", "-A", "katoproject", "--quiet")
        level = f"--loglevel={environment.log_level}"
        # Mingle and gossip let workers learn about each other, which ours have no use for; mingle costs a second.
        alone = ("--without-mingle", "--without-gossip")
        return [
            web,
            self.python("worker", *celery, "worker", level, f"--concurrency={WORKER_PROCESSES}", *alone),
            self.python("beat", *celery, "beat", level),
        ]

    def python(self, name: str, *arguments: str) -> Program:
        return Program(
            name=name, command=[sys.executable, *arguments], folder=PROJECT_DIR, environment=self.child_environment
        )

    @property
    def own_address(self) -> str:
        """Where this machine itself reaches the web server."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.environment.host, self.environment.host)

    async def serve_both_loopback_families(self) -> None:
        if self.environment.host == "127.0.0.1":
            try:
                await self.until_stopped.enter_async_context(relay(self.environment.port))
            except OSError as error:
                self.say(f"No IPv6 loopback on this machine, so 127.0.0.1 only ({error.strerror})")

    def print_summary(self) -> None:
        address = f"[{self.own_address}]" if ":" in self.own_address else self.own_address
        url = f"http://{address}:{self.environment.port}"
        logs = [path for path in (self.data / "postgres.log", self.data / "redis.log") if path.exists()]
        lines = {
            "API": url,
            "Console": f"{url}/admin/",
            "Docs": f"{url}/docs" if self.environment.docs_enabled else "off (DOCS_ENABLED)",
            "Data": self.data,
            "Logs": ", ".join([*map(str, logs), "all others here"]),
            "Processes": ", ".join(f"{name} {pid}" for name, pid in self.supervisor.pids.items()),
            "Stop": f"Ctrl-C, or kill {os.getpid()}",
        }
        self.say("KATO is up")
        print("\n".join(f"    {name:<10} {value}" for name, value in lines.items()), flush=True)
