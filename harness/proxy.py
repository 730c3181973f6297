"""The network between a Tendril and its Trellis: it cuts, refuses, stands still and swallows answers."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any, Awaitable, Callable


class Proxy:
    """Passes bytes on to `target`, unless a fault is on.

    It has the target's port on another loopback address: Trellis answers only to names that it goes by."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.refusing = self.still = self.deaf = False
        self.writers: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.listener = socket.create_server(("127.0.0.1", target[1]))
        self.url = f"http://127.0.0.1:{target[1]}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.on_loop(lambda: asyncio.start_server(self.serve, sock=self.listener))

    def on_loop(self, make: Callable[[], Awaitable[Any]]) -> Any:
        return asyncio.run_coroutine_threadsafe(make(), self.loop).result(10)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            return reset(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
        except OSError:
            return reset(writer)
        pair = {writer, far_writer}
        self.writers |= pair
        await asyncio.gather(self.copy(reader, far_writer), self.copy(far_reader, writer, is_answer=True))
        self.writers -= pair

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool = False) -> None:
        try:
            while data := await reader.read(65536):
                while self.still:
                    await asyncio.sleep(0.02)
                if is_answer and self.deaf:
                    # The request was done; nobody will know.
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        reset(writer) if self.deaf else writer.close()

    def cut(self) -> None:
        """Resets every connection."""
        async def all_of_them() -> None:
            for writer in list(self.writers):
                reset(writer)

        self.on_loop(all_of_them)

    def heal(self) -> None:
        self.refusing = self.still = self.deaf = False

    def stop(self) -> None:
        self.heal()
        self.cut()

        async def close() -> None:
            self.server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        self.on_loop(close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


def reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()
