"""`manage.py up`: start everything in the order of its dependencies, run it, stop it."""

import asyncio
import errno
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

from foundation import disk
from foundation.metrics import folder as metrics
from katoproject.configuration.environment import PROJECT_DIR, Environment
from katoproject.configuration.exposure import Exposed, check_exposure
from katoproject.configuration.locations import data_dir
from katoproject.launcher import accounts, orphans, postgres, redis
from katoproject.launcher.addresses import addresses_for_others, own_address, url_of
from katoproject.launcher.installation import check_programs, make_data_folder, packages_folder, server_uid
from katoproject.launcher.loopback import relay
from katoproject.launcher.preflight import check_port, sole_owner_of
from katoproject.launcher.processes import CannotStart, Program, ready_at_once
from katoproject.launcher.supervisor import Supervisor
from katoproject.launcher.web_program import is_healthy, web_command

# Of the background worker. Jobs are few and short, and each process costs about 60 MB.
WORKER_PROCESSES = 2


def up(environment: Environment, *, only_stores: bool = False) -> None:
    """Run the service, or its embedded servers alone, until SIGINT or SIGTERM.

    Raises CannotStart with the reason when it cannot run.
    """
    data = data_dir()
    if environment.database_url is None:
        check_programs(packages_folder(data))
    try:
        make_data_folder(data)
        with sole_owner_of(data):
            asyncio.run(Service(environment, data, only_stores=only_stores).run())
    except PermissionError as error:
        raise CannotStart(
            f"{error}. The data folder {data} must belong to the user who starts the service: "
            "start under that account, or set KATO_DATA_DIR to another folder."
        ) from error
    except OSError as error:
        if error.errno not in disk.FULL:
            raise
        remedy = disk.READ_ONLY_REMEDY if error.errno == errno.EROFS else disk.REMEDY
        raise CannotStart(f"KATO_DATA_DIR: {str(data)!r} cannot be written: {error}; {remedy}") from error


class Service:
    def __init__(self, environment: Environment, data: Path, *, only_stores: bool) -> None:
        self.serve = self.serve_stores if only_stores else self.serve_everything
        self.environment = environment
        self.data = data
        self.started = time.monotonic()
        self.supervisor = Supervisor(self.say)
        # Closed after the programs have stopped: until then the web server finishes requests that came through it.
        self.relays = AsyncExitStack()
        self.child_environment = {
            **os.environ,
            "KATO_INSTANCE_ID": environment.instance_id or secrets.token_hex(6),
            orphans.MARK: str(data),
            # Of the code, which do not depend on this machine; for them Celery would import all views.
            "CELERY_SKIP_CHECKS": "yes",
        }

    def say(self, text: str) -> None:
        with suppress(OSError):  # its output is on a disk that is full: the service must run on
            print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)

    async def run(self) -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            if stop.is_set():
                hurry.set()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, on_signal)
        serving = asyncio.create_task(self.serve())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                self.say("Stopping; press Ctrl-C again to stop at once")
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await self.supervisor.stop(hurry)
            await self.relays.aclose()
        if not stop.is_set():
            serving.result()  # raises the reason
        self.say("Stopped")

    async def serve_stores(self) -> None:
        if self.environment.database_url is not None and self.environment.effective_redis_url is not None:
            raise CannotStart("DATABASE_URL and the Redis settings name other servers, so there are no stores to start")
        await self.end_orphans()
        await self.start_stores()
        self.say(f"The stores are up, and nothing else. Data: {self.data}. Stop: Ctrl-C, or kill {os.getpid()}")
        await self.supervisor.watch()

    async def serve_everything(self) -> None:
        try:
            check_exposure(self.environment, self.environment.host)
        except Exposed as reason:
            raise CannotStart(str(reason)) from None
        await self.end_orphans()
        self.child_environment[metrics.VARIABLE] = str(metrics.empty_folder(self.data, self.environment.port))
        check_port(self.environment.host, self.environment.port)
        await self.start_stores()
        self.say("Migrating the database")
        await self.supervisor.run_to_end(self.command("migrate", "--verbosity=1", "--skip-checks"))
        self.say("Collecting the static files of the documentation and the console")
        await self.supervisor.run_to_end(self.command("collectstatic", "--noinput", "--verbosity=0"))
        self.say("Compiling the kernels of predictions (about a minute the first time)")
        await self.supervisor.run_to_end(self.command("compile_kernels"))
        await self.start_relay()
        self.say(f"Starting {self.environment.workers} web workers, a background worker and the scheduler")
        await self.supervisor.bring_up(self.web_server(), self.background_worker(), self.scheduler())
        self.print_summary()
        await self.supervisor.watch()

    async def end_orphans(self) -> None:
        left = orphans.children_of_up(self.data)
        if left:
            self.say(f"Ending {len(left)} processes that an earlier, killed run left behind")
            await asyncio.to_thread(orphans.end, left, signal.SIGTERM)

    async def start_stores(self) -> None:
        if self.environment.database_url is None:
            self.warn_of_a_shared_account()
            self.say("Starting PostgreSQL" if (self.data / "postgres").exists() else "Creating a PostgreSQL cluster")
            await self.supervisor.bring_up(postgres.program(self.data))
        if self.environment.effective_redis_url is None:
            self.say("Starting Redis")
            await self.supervisor.bring_up(redis.program(self.data))

    def warn_of_a_shared_account(self) -> None:
        if server_uid(self.data) == accounts.SHARED_UID:
            self.say(
                f"PostgreSQL runs as nobody, as other programs may: no account {accounts.NAME} could be created. "
                f"To keep those out, run `{accounts.CREATION}` and start again"
            )

    async def start_relay(self) -> None:
        """Serve both loopback families where HOST names the first."""
        if self.environment.host == "127.0.0.1":
            try:
                await self.relays.enter_async_context(relay(self.environment.port))
            except OSError as error:
                self.say(f"This machine has no IPv6 loopback, so the service is at 127.0.0.1 only ({error.strerror})")

    # The programs -----------------------------------------------------------------------------------------------------

    def web_server(self) -> Program:
        environment = self.environment
        command = web_command(environment.host, environment.port, environment.workers)
        return self.program(
            "web", command, is_ready=partial(is_healthy, own_address(environment.host), environment.port)
        )

    def background_worker(self) -> Program:
        # Mingle and gossip let workers exchange state that ours do not use; mingle costs a second.
        no_peers = ("--without-mingle", "--without-gossip")
        return self.celery("worker", "worker", f"--concurrency={WORKER_PROCESSES}", *no_peers)

    def scheduler(self) -> Program:
        return self.celery("beat", "beat")

    def celery(self, name: str, subcommand: str, *options: str) -> Program:
        # Celery warns root about pickled messages, which this service does not accept.
        quiet = ("-W", "ignore:You're running the worker")
        level = f"--loglevel={self.environment.log_level}"
        arguments = (*quiet, "-m", "celery", "-A", "katoproject", "--quiet", subcommand, level, *options)
        return self.program(name, [sys.executable, *arguments])

    def command(self, name: str, *options: str) -> Program:
        return self.program(name, [sys.executable, "manage.py", name, *options])

    def program(self, name: str, command: list[str], *, is_ready: Callable[[], bool] = ready_at_once) -> Program:
        return Program(
            name=name, command=command, folder=PROJECT_DIR, environment=self.child_environment, is_ready=is_ready
        )

    # What the operator reads ------------------------------------------------------------------------------------------

    @property
    def access(self) -> str:
        if self.environment.needs_keys:
            return "every request needs a key: manage.py key create NAME"
        return f"open: no key is needed, and every program that reaches {self.environment.host} may do everything"

    def print_summary(self) -> None:
        host, port = self.environment.host, self.environment.port
        url = url_of(own_address(host), port)
        logs = [path for path in (self.data / "postgres.log", self.data / "redis.log") if path.exists()]
        lines = {
            "API": ", ".join([url, *(url_of(one, port) for one in addresses_for_others(host))]),
            **({"Listens on": f"{host}, port {port}"} if host != own_address(host) else {}),
            "Console": f"{url}/admin/",
            "Docs": f"{url}/docs" if self.environment.docs_enabled else "off (DOCS_ENABLED)",
            "Access": self.access,
            "Data": self.data,
            "Logs": ", ".join([*map(str, logs), "all others here"]),
            "Processes": ", ".join(f"{name} {pid}" for name, pid in self.supervisor.pids.items()),
            "Stop": f"Ctrl-C, or kill {os.getpid()}",
        }
        self.say("KATO is up")
        print("\n".join(f"    {name:<10} {value}" for name, value in lines.items()), flush=True)
