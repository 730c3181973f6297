"""A TCP proxy that injects faults: it resets and refuses connections, stalls, and drops responses."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Any, Awaitable, Callable


@dataclass(eq=False)
class _Link:
    """A client's connection, and the one to the target."""

    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    is_websocket: bool = False


class FaultProxy:
    """Passes bytes between its clients and `target`, unless a fault is on. It listens on 127.0.0.1."""

    def __init__(self, *targets: tuple[str, int], port: int = 0) -> None:
        """Connections go to the targets in turn, and to the next one where one takes none."""
        self.targets = list(targets)
        #: The faults: new connections are reset; nothing is passed on; requests arrive, but no response comes back.
        self.refuses = self.stalls = self.drops_responses = False
        self.links: set[_Link] = set()
        self.loop = asyncio.new_event_loop()
        listener = socket.create_server(("127.0.0.1", port))
        self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self._on_loop(lambda: asyncio.start_server(self._serve, sock=listener))

    def _on_loop(self, make: Callable[[], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            return await make()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            return _reset(writer)
        opened = await self._open()
        if not opened:
            return _reset(writer)
        target_reader, target_writer = opened
        link = _Link((writer, target_writer))
        self.links.add(link)
        await asyncio.gather(
            self._copy(link, reader, target_writer, is_response=False),
            self._copy(link, target_reader, writer, is_response=True))
        self.links.discard(link)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.targets)):
            self.targets.append(self.targets.pop(0))
            try:
                return await asyncio.open_connection(*self.targets[-1])
            except OSError:
                continue
        return None

    async def _copy(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_response: bool,
    ) -> None:
        try:
            while data := await reader.read(65536):
                while self.stalls:
                    await asyncio.sleep(0.02)
                if is_response and self.drops_responses:
                    # The server has done what was asked, and the client will not know.
                    break
                if not is_response and b"/websocket" in data.split(b"\r\n", 1)[0]:
                    link.is_websocket = True
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        if self.drops_responses:
            _reset(writer)
        else:
            writer.close()

    def cut(self, websockets_only: bool = False) -> int:
        """Resets connections on both sides; returns how many."""
        async def cut() -> int:
            links = {link for link in self.links if link.is_websocket or not websockets_only}
            self.links -= links
            for link in links:
                for writer in link.writers:
                    _reset(writer)
            return len(links)

        return self._on_loop(cut)

    def stop(self) -> None:
        self.refuses = self.stalls = self.drops_responses = False
        self.cut()

        async def close() -> None:
            self.server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        self._on_loop(close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
    writer.transport.abort()
