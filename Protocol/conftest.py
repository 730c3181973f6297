"""Fixtures of the protocol tests: one server for most of them; tests that kill or stop a server start their own."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest

from harness import Server
from harness.fixtures import api, job, tendril
from harness.realtime import V1, V2, Connect, Socket

__all__ = ["api", "job", "tendril"]


@pytest.fixture(scope="session")
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers that run until the end. A server must never print its token."""
    servers: list[Server] = []

    def make(*options: str) -> Server:
        servers.append(Server(tmp_path_factory.mktemp("vintner") / "data", *options))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
    for server in servers:
        assert server.token not in server.output.read_text(), f"{server.output} contains the token"


@pytest.fixture(scope="session")
def server(make_server: Callable[..., Server]) -> Server:
    # With everything that it can print.
    return make_server("--tendrils", "0", "--log-level", "trace")


@pytest.fixture
def open_socket(server: Server) -> Iterator[Connect]:
    """Opens sockets, by default with the admin's token."""
    sockets: list[Socket] = []

    def make(token: str | None = server.token, **more: Any) -> Socket:
        sockets.append(Socket(server.url, token, **more))
        return sockets[-1]

    yield make
    for item in sockets:
        item.connection.close()


@pytest.fixture(params=[V1, V2])
def version(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def socket(open_socket: Connect) -> Socket:
    """A connection that speaks 2.0.0."""
    return open_socket()
