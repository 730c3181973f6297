"""Authentication, and closing connections after a revocation."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from harness import Server, SimulatedJob, SimulatedTendril
from harness.realtime import JOBS, V1, V2, Connect, Socket, binding, of_job

WRONG = "vnt_" + "A" * 43
PATHS = ["/realtime/v1/websocket", "/socket/websocket"]


def refused(open_socket: Connect, **more: Any) -> int:
    """The status of the refusal, which must have a message as JSON."""
    with pytest.raises(InvalidStatus) as caught:
        open_socket(**more)
    response = caught.value.response
    assert response.headers["Content-Type"].startswith("application/json")
    assert set(re.findall(rb'"(\w+)":', response.body)) == {b"error"}, response.body
    return response.status_code


class Session:
    """A user's session, like a browser's."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = requests.Session()
        response = self.http.post(f"{server.url}/sign-in", json={"token": server.token})
        assert response.ok, response.text
        (cookie,) = self.http.cookies
        self.secret = cookie.value or ""
        self.headers = {"Cookie": f"{cookie.name}={self.secret}", "Origin": server.url}

    def sign_out(self) -> None:
        page = self.http.get(f"{self.server.url}/dashboard/jobs").text
        token = re.search(r'name="csrf-token" content="([^"]+)"', page)
        assert token
        response = self.http.post(f"{self.server.url}/sign-out", headers={"X-CSRF-Token": token.group(1)})
        assert response.ok, response.text


@pytest.fixture
def session(server: Server) -> Session:
    return Session(server)


# ---- accepted credentials


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("version", [V1, V2, None])
def test_token_in_the_query(open_socket: Connect, path: str, version: str | None) -> None:
    assert open_socket(path=path, version=version).heartbeat() == []


@pytest.mark.parametrize("header", ["x-api-key: {}", "Authorization: Bearer {}", "authorization: bearer {}"])
def test_token_in_a_header(open_socket: Connect, server: Server, header: str) -> None:
    name, value = header.format(server.token).split(": ")
    assert open_socket(None, headers={name: value}).heartbeat() == []


def test_header_overrides_the_query(open_socket: Connect, server: Server) -> None:
    assert open_socket(WRONG, headers={"x-api-key": server.token}).heartbeat() == []
    assert refused(open_socket, headers={"x-api-key": WRONG}) == 401


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "file://"])
def test_token_from_any_page(open_socket: Connect, origin: str) -> None:
    """Browsers never send a token automatically."""
    assert open_socket(headers={"Origin": origin}).heartbeat() == []


def test_cookie_from_our_own_page(open_socket: Connect, session: Session, job: SimulatedJob) -> None:
    socket = open_socket(None, headers=session.headers)
    socket.joined("realtime:a", of_job(job.id))
    assert len(socket.rows("realtime:a", job.append("x\n"))) == 1


# ---- refused credentials


@pytest.mark.parametrize("path", PATHS)
def test_without_credentials(open_socket: Connect, path: str) -> None:
    assert refused(open_socket, token=None, path=path) == 401


@pytest.mark.parametrize("token", [WRONG, "", "x", "vns_" + "A" * 43, "' OR 1=1 --", "%00", "A" * 5000])
def test_wrong_token(open_socket: Connect, token: str) -> None:
    assert refused(open_socket, token=token) == 401


@pytest.mark.parametrize("header", ["Bearer " + WRONG, "Bearer", "Bearer ", "Basic eDp5", "nonsense"])
def test_wrong_authorization(open_socket: Connect, header: str) -> None:
    assert refused(open_socket, token=None, headers={"Authorization": header}) == 401


def test_tendrils_token_is_refused(open_socket: Connect, tendril: SimulatedTendril) -> None:
    both = {"X-Worker-ID": tendril.id, "X-Worker-Token": tendril.token}
    assert refused(open_socket, token=tendril.token) == 401
    assert refused(open_socket, token=None, headers=both) == 401
    assert refused(open_socket, token=None, headers={"Authorization": f"Bearer {tendril.token}"}) == 401


def test_session_secret_is_not_a_token(open_socket: Connect, session: Session) -> None:
    assert refused(open_socket, token=session.secret) == 401


@pytest.mark.parametrize("origin", [
    "https://elsewhere.example", "null", None, "", "http://127.0.0.1", "http://127.0.0.1:1", "http://127.0.0.1.example",
    "{url}.example", "{url}@elsewhere.example", "https://elsewhere.example#{url}", "{url}/",
])
def test_cookie_from_another_page(open_socket: Connect, session: Session, server: Server, origin: str | None) -> None:
    """Browsers send the cookie for every page that opens a socket."""
    headers = {"Cookie": session.headers["Cookie"]}
    if origin is not None:
        headers["Origin"] = origin.format(url=server.url)
    assert refused(open_socket, token=None, headers=headers) == 403


def test_wrong_cookie(open_socket: Connect, server: Server, session: Session) -> None:
    headers = {"Cookie": session.headers["Cookie"].replace(session.secret, "vns_" + "A" * 43), "Origin": server.url}
    assert refused(open_socket, token=None, headers=headers) == 401


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1", "127.0.0.1:1", "localhost.example:{port}"])
def test_wrong_host(server: Server, host: str) -> None:
    """A foreign name that resolves to this server (DNS rebinding)."""
    for path in PATHS:
        response = requests.get(f"{server.url}{path}?apikey={server.token}", headers={
            "Host": host.format(port=server.port), "Connection": "Upgrade", "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        assert response.status_code == 421 and "error" in response.json()


@pytest.mark.parametrize("version", ["3.0.0", "1", "", "2.0.0.0", "1.0.0 "])
def test_unknown_version(open_socket: Connect, version: str) -> None:
    assert refused(open_socket, version=version.replace(" ", "%20")) == 400


def test_request_without_upgrade(server: Server) -> None:
    response = requests.get(f"{server.url}/realtime/v1/websocket", params={"apikey": server.token})
    assert response.status_code == 426 and response.headers["Upgrade"] == "websocket" and "error" in response.json()
    assert requests.get(f"{server.url}/realtime/v1/websocket").status_code == 401


# ---- a channel's token


@pytest.mark.parametrize("token", ["", "sb_publishable_x", None])
def test_tokens_without_effect(socket: Socket, job: SimulatedJob, token: str | None) -> None:
    socket.joined("realtime:a", of_job(job.id), access_token=token)
    socket.push("realtime:a", "access_token", {"access_token": token})
    assert socket.heartbeat() == []
    assert len(socket.rows("realtime:a", job.append("x\n"))) == 1


def test_same_token_again(socket: Socket, server: Server, job: SimulatedJob) -> None:
    """The Python client sends it with each join."""
    socket.joined("realtime:a", of_job(job.id), access_token=server.token)
    socket.push("realtime:a", "access_token", {"access_token": server.token})
    assert socket.heartbeat() == []
    assert len(socket.rows("realtime:a", job.append("x\n"))) == 1


def test_join_with_a_wrong_token(socket: Socket, job: SimulatedJob, tendril: SimulatedTendril) -> None:
    for wrong in WRONG, tendril.token:
        reply = socket.join("realtime:a", of_job(job.id), access_token=wrong).reply
        assert reply.payload["status"] == "error"
        assert reply.payload["response"]["reason"].startswith("Unauthorized: ")
    socket.joined("realtime:b", of_job(job.id))
    last = job.append("x\n")
    seen = socket.until(lambda m: m.topic == "realtime:b" and m.record["seq"] == last) + socket.heartbeat()
    assert {m.topic for m in seen} == {"realtime:b"}


def test_wrong_token_ends_the_channel(socket: Socket, job: SimulatedJob) -> None:
    join = socket.joined("realtime:a", of_job(job.id)).reply
    socket.joined("realtime:b", of_job(job.id))
    socket.push("realtime:a", "access_token", {"access_token": WRONG})
    system, close = socket.next(), socket.next()
    assert (system.event, system.payload["status"], system.payload["extension"]) == ("system", "error", "system")
    assert (close.event, close.topic, close.ref) == ("phx_close", "realtime:a", join.ref)
    last = job.append("x\n")
    seen = socket.until(lambda m: m.topic == "realtime:b" and m.record["seq"] == last) + socket.heartbeat()
    assert {m.topic for m in seen} == {"realtime:b"}


def test_token_replaces_the_cookie(
    open_socket: Connect, session: Session, server: Server, job: SimulatedJob,
) -> None:
    """After a new token, the server confirms the subscription again."""
    socket = open_socket(None, headers=session.headers)
    socket.joined("realtime:a", of_job(job.id))
    socket.push("realtime:a", "access_token", {"access_token": server.token})
    assert socket.next().payload["message"] == "Subscribed to PostgreSQL"
    assert len(socket.rows("realtime:a", job.append("x\n"))) == 1


# ---- the end of a session


@pytest.mark.slow
def test_signed_out_sockets_end(open_socket: Connect, session: Session, server: Server, job: SimulatedJob) -> None:
    """Within about 20 s. Sockets with another session, or with a token, stay open."""
    ending, bare = (open_socket(None, headers=session.headers) for _ in range(2))
    changed = open_socket(None, headers=session.headers)
    staying = [open_socket(None, headers=Session(server).headers), open_socket(), changed]
    joins = [ending.joined(topic, of_job(job.id)).reply for topic in ("realtime:a", "realtime:b")]
    changed.joined("realtime:a", binding(JOBS), access_token=server.token)
    session.sign_out()
    assert refused(open_socket, token=None, headers=session.headers) == 401
    messages = [ending.next(limit=20) for _ in range(4)]
    for join in joins:
        system, close = (m for m in messages if m.topic == join.topic)
        assert (system.event, system.payload["status"], system.payload["extension"]) == ("system", "error", "system")
        assert (close.event, close.ref) == ("phx_close", join.ref)
    for socket in ending, bare:
        with pytest.raises(ConnectionClosed) as caught:
            socket.next(limit=20)
        assert caught.value.rcvd and caught.value.rcvd.code == 1008
    for socket in staying:
        assert socket.heartbeat() == []


def test_no_token_is_logged(open_socket: Connect, server: Server, tendril: SimulatedTendril, session: Session) -> None:
    """At the most detailed log level, neither accepted nor refused tokens are logged."""
    wrong = [f"vnt_{letter * 43}" for letter in "BCDE"]
    refused(open_socket, token=wrong[0])
    refused(open_socket, token=None, headers={"Authorization": f"Bearer {wrong[1]}"})
    socket = open_socket()
    socket.join("realtime:a", binding(JOBS), access_token=wrong[2])
    socket.joined("realtime:b", binding(JOBS))
    socket.push("realtime:b", "access_token", {"access_token": wrong[3]})
    socket.until(lambda m: m.event == "phx_close")
    requests.get(f"{server.url}/realtime/v1/websocket", params={"apikey": server.token})
    printed = server.output.read_text()
    assert "trace" in printed, "the server does not log everything"
    secrets = [*wrong, server.token, tendril.token, session.secret]
    assert not [secret for secret in secrets if secret in printed]
