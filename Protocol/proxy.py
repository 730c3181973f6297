"""A TCP proxy that cuts: what a network does that a client can't do to itself."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from typing import Any, Callable


class Proxy:
    """Passes bytes on to wherever `target` is; `cut` resets the connections that became WebSockets."""

    def __init__(self) -> None:
        self.target: tuple[str, int] | None = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.on_loop(lambda: asyncio.start_server(self.serve, sock=self.listener))

    def on_loop(self, make: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(make(), self.loop).result(10)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n")
            far_reader, far_writer = await asyncio.open_connection(*self.target or ("", 0))
        except (OSError, asyncio.IncompleteReadError):
            return writer.close()
        far_writer.write(head)
        pair = (writer, far_writer)
        if b"/websocket" in head:
            self.pairs.add(pair)
        await asyncio.gather(self.copy(reader, far_writer), self.copy(far_reader, writer))
        self.pairs.discard(pair)

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def cut(self) -> int:
        """Resets every WebSocket on both sides; answers how many there were."""
        async def reset() -> int:
            pairs, self.pairs = self.pairs, set()
            for pair in pairs:
                for writer in pair:
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
            return len(pairs)

        return self.on_loop(reset)

    def stop(self) -> None:
        self.cut()
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
