"""The process of the clients: its first line of input says what to do (`Order`), the others are commands.

It prints what was counted as a line of JSON every second, and a last line when all clients have ended.
"""

import asyncio
import json
import sys
from pathlib import Path

from benchmarks.torture.history import Fault, Recorder
from benchmarks.torture.workload.client import Client, Run
from benchmarks.torture.workload.crowd import crowd
from benchmarks.torture.workload.listeners import listen
from benchmarks.torture.workload.order import Order


async def _commands(run: Run) -> None:
    """`{"fault": {…}}` is recorded, `{"vanishing": share}` changes the clients, `{"end": true}` ends them."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if "fault" in command:
            run.recorder.add(Fault(**command["fault"]))
        if "vanishing" in command:
            run.vanishing = command["vanishing"]
        if "end" in command:
            break
    run.ends.set()


async def _tell(run: Run) -> None:
    while True:
        await asyncio.sleep(1)
        print(json.dumps(run.counts), flush=True)


async def _run(order: Order, recorder: Recorder) -> None:
    run = Run(order.ports, recorder, order.seed, order.pace, order.vanishing)
    clients: list[Client] = []
    async with asyncio.TaskGroup() as telling:
        tasks = [telling.create_task(_tell(run)), telling.create_task(_commands(run))]
        async with asyncio.TaskGroup() as listening:
            for number in range(order.listeners):
                listening.create_task(listen(run, f"listener{number}"))
            async with asyncio.TaskGroup() as working:
                for client, work in crowd(run, order.size):
                    clients.append(client)
                    working.create_task(work)
            await asyncio.gather(*(look() for look in run.unfinished))
            run.idle.set()
        for task in tasks:
            task.cancel()
    for client in clients:
        client.close()


def main() -> None:
    order = Order(**json.loads(sys.stdin.readline()))
    with Recorder(Path(order.history)) as recorder:
        asyncio.run(_run(order, recorder))
    print(json.dumps({"ended": 1}), flush=True)


if __name__ == "__main__":
    main()
