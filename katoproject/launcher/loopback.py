"""The second loopback address: a relay from ::1 to 127.0.0.1.

The web server binds one address. Many clients try ::1 first for "localhost", and another program that listened there
would receive their requests. A second pool of web processes would double the memory; a relay costs almost none.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CHUNK = 64 * 1024


@asynccontextmanager
async def relay(port: int) -> AsyncIterator[None]:
    """Relay [::1]:port to 127.0.0.1:port inside the block. Raises OSError if this machine has no ::1."""
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_join(reader, writer, port))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "::1", port, backlog=2048)
    try:
        yield
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    try:
        async with _closing(writer):
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
            async with _closing(server_writer), asyncio.TaskGroup() as group:
                request = group.create_task(_pump(reader, server_writer))
                # The server ends the connection. When the client has ended its side, that is only passed on.
                await _pump(server_reader, writer)
                request.cancel()
    except* OSError:
        pass  # one side has reset the connection, which has ended it for both


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
