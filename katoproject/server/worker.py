"""One worker process: Granian's sockets and protocols, threads for HTTP, the hub for WebSockets.

This file, `loop.py` and `requests.py` use inner parts of Granian, so its version is pinned. Before you upgrade it, run
tests/launcher/test_granian_upgrade.py, which lists them.
"""

import asyncio
import signal
from typing import Any

from granian._granian import ASGIWorker, CallbackScheduler, WorkerSignal
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

from katoproject.server.loop import EventLoop

# The type stubs of Granian's Rust part describe an older version.
_make_worker: Any = ASGIWorker
_make_scheduler: Any = CallbackScheduler


@WorkerProcess.wrap_target  # type: ignore[untyped-decorator]
def run_worker(
    worker_id: int,
    application: Any,
    sock: Any,
    ipc: Any,
    loop: EventLoop,
    runtime_mode: Any,
    runtime_threads: int,
    runtime_blocking_threads: int,
    blocking_threads: int,
    blocking_threads_idle_timeout: int,
    backpressure: int,
    task_impl: Any,
    http_mode: Any,
    http1_settings: Any,
    http2_settings: Any,
    websockets: bool,
    static_path: Any,
    log_access_format: Any,
    ssl_context: Any,
    scope_options: Any,
    metrics: Any,
) -> None:
    """Replaces `_spawn_asgi_worker` of Granian: dispatches requests by protocol, and closes WebSockets at the end."""
    # Imported here, because these need Django, set up by the application.
    from katoproject.server.connections import guard
    from katoproject.server.requests import Requests
    from katoproject.server.websocket import Hub

    requests, hub = Requests(application), Hub(loop)
    guard(requests, hub, most_accepted=backpressure)

    def schedule(watcher: Any) -> None:
        """Granian calls this for each request, in a thread that must not be blocked."""
        if watcher.scope["type"] == "http":
            requests.accept(watcher)
        else:
            loop.call_soon_threadsafe(hub.accept, watcher)

    scheduler = _make_scheduler(loop, None, None, None, None)
    scheduler._schedule_fn = schedule
    worker = _make_worker(
        worker_id,
        sock,
        ipc,
        runtime_threads,
        runtime_blocking_threads,
        blocking_threads,
        blocking_threads_idle_timeout,
        backpressure,
        http_mode,
        http1_settings,
        http2_settings,
        websockets,
        static_path,
        *ssl_context,
        metrics,
    )
    serve = getattr(worker, WORKERS_METHODS[runtime_mode][(sock[0] or sock[1]).is_uds()])
    granian_ended = asyncio.Event()
    end_granian = WorkerSignal()
    end_granian.add_cb(lambda: loop.call_soon_threadsafe(granian_ended.set))

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        serve(scheduler, loop, end_granian)
        await stop.wait()
        await hub.close()
        end_granian.set()
        await granian_ended.wait()

    loop.run_until_complete(run())
