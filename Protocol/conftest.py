"""One server for nearly all tests; those that kill or stop one have their own."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest

from frames import V1, V2, Socket
from server import Api, Job, Server, Tendril, binary

Connect = Callable[..., Socket]


@pytest.fixture(scope="session")
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers that end with the run. What a server prints must never hold its token."""
    if not binary().exists():
        pytest.exit(f"{binary()} is not there: build first, or set VINTNER_BIN.", returncode=3)
    servers: list[Server] = []

    def make(*more: str) -> Server:
        servers.append(Server(tmp_path_factory.mktemp("vintner") / "data", *more))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
    for server in servers:
        assert server.token not in server.output.read_text(), f"the token stands in {server.output}"


@pytest.fixture(scope="session")
def server(make_server: Callable[..., Server]) -> Server:
    # All that it could ever print.
    return make_server("--tendrils", "0", "--log-level", "trace")


@pytest.fixture(scope="session")
def api(server: Server) -> Api:
    return Api(server)


@pytest.fixture(scope="session")
def tendril(api: Api) -> Tendril:
    return Tendril(api)


@pytest.fixture
def job(tendril: Tendril) -> Iterator[Job]:
    """A PROCESSING job."""
    job = tendril.start()
    yield job
    job.end()


@pytest.fixture
def open_socket(server: Server) -> Iterator[Connect]:
    """Opens sockets, with the admin's token unless told otherwise."""
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
