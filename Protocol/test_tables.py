"""`provision_jobs` and `workers`: every change, the documented columns, and nothing else."""

from __future__ import annotations

import json
import socket as plain
import uuid
from typing import Any, Iterator

import pytest

from harness import Api, Server, SimulatedTendril
from harness.realtime import JOBS, WORKERS, Connect, Message, Socket, binding, of_job

JOB_COLUMNS = {
    "id": "text", "job_type": "text", "status": "text", "engine_state": "text", "log_state": "text", "vine_id": "text",
    "vine_title": "text", "assigned_worker_id": "text", "worker_id": "text", "worker_name": "text",
    "plan_job_id": "text", "rerun_of": "text", "epoch": "int4", "warnings": "int4", "changes": "jsonb", "created_by": "text", "cancelled_by": "text",
    "created_at": "timestamptz", "claimed_at": "timestamptz", "started_at": "timestamptz",
    "completed_at": "timestamptz",
}
WORKER_COLUMNS = {
    "id": "text", "name": "text", "status": "text", "version": "text", "slots": "int4", "last_seen_at": "timestamptz",
    "created_at": "timestamptz",
}
LOG_COLUMNS = {
    "id": "int8", "job_id": "text", "epoch": "int4", "seq": "int8", "first_line": "int8", "line_count": "int4",
    "stream_type": "text", "log_chunk": "text", "continued": "bool", "times": "jsonb", "created_at": "timestamptz",
}


def columns(message: Message) -> dict[str, str]:
    return {column["name"]: column["type"] for column in message.payload["data"]["columns"]}


def until_status(socket: Socket, id: str, status: str, limit: float = 10) -> list[Message]:
    """All changes up to the one that shows this status of this row."""
    return socket.until(
        lambda m: m.event == "postgres_changes" and (m.record["id"], m.record["status"]) == (id, status), limit)


@pytest.fixture(scope="module", autouse=True)
def without_heartbeat(server: Server, api: Api) -> Iterator[tuple[Socket, SimulatedTendril]]:
    """A Tendril whose only heartbeat precedes the tests of this file, and a socket that follows it."""
    tendril = SimulatedTendril(api)
    with Socket(server.url, server.token) as socket:
        socket.joined("realtime:workers", binding(WORKERS, f"id=eq.{tendril.id}", "*"))
        tendril.beat()
        until_status(socket, tendril.id, "ONLINE")
        yield socket, tendril


def test_life_of_a_job(socket: Socket, tendril: SimulatedTendril) -> None:
    """Each change is read before the next one, so that none is coalesced."""
    socket.joined("realtime:jobs", binding(JOBS, event="*"))
    queued = tendril.queue()
    made = until_status(socket, queued, "QUEUED")[-1]
    assert made.payload["data"]["type"] == "INSERT" and "old_record" not in made.payload["data"]
    assert columns(made) == JOB_COLUMNS and set(made.record) == set(JOB_COLUMNS)
    assert made.record["assigned_worker_id"] == tendril.id and made.record["worker_name"] == tendril.name
    assert made.record["claimed_at"] is None and made.record["created_by"] == "admin"

    job = tendril.claim(queued)
    claimed = until_status(socket, queued, "CLAIMED")[-1]
    assert claimed.payload["data"]["type"] == "UPDATE"
    assert claimed.payload["data"]["old_record"] == {"id": queued}
    assert claimed.record["worker_id"] == tendril.id and claimed.record["claimed_at"]

    job.start()
    assert until_status(socket, queued, "PROCESSING")[-1].record["started_at"]
    job.report(status="FAILED", engine_state="GONE", log={"incomplete": "test"})
    ended = until_status(socket, queued, "FAILED")[-1]
    assert (ended.record["engine_state"], ended.record["log_state"]) == ("GONE", "INCOMPLETE")
    assert ended.record["completed_at"] and ended.payload["data"]["type"] == "UPDATE"


def test_cancelled_job(socket: Socket, tendril: SimulatedTendril, api: Api) -> None:
    socket.joined("realtime:jobs", binding(JOBS, event="UPDATE"))
    queued = tendril.queue()
    api.post(f"/api/jobs/{queued}/cancel", {})
    assert until_status(socket, queued, "CANCELLED")[-1].record["cancelled_by"] == "admin"


def test_filters_on_jobs(socket: Socket, tendril: SimulatedTendril) -> None:
    """By id, by status, by event: each binding gets exactly its rows."""
    job = tendril.start()
    other = tendril.start()
    joined = socket.joined(
        "realtime:jobs", binding(JOBS, f"id=eq.{job.id}", "*"), binding(JOBS, "status=eq.FAILED", "*"),
        binding(JOBS, f"id=eq.{other.id}", "INSERT"))
    by_id, by_status, _ = (echo["id"] for echo in joined.echoes)
    other.end()
    job.end()
    changes = until_status(socket, job.id, "FAILED")
    changes += socket.heartbeat()
    assert [set(m.payload["ids"]) for m in changes if m.record["id"] == other.id] == [{by_status}]
    assert {by_id, by_status} in [set(m.payload["ids"]) for m in changes if m.record["id"] == job.id]
    assert {m.record["id"] for m in changes} == {job.id, other.id}


def test_fast_changes_are_coalesced_into_the_newest_row(socket: Socket, api: Api) -> None:
    """The last change of a row always has its current values."""
    tendril = SimulatedTendril(api)
    socket.joined("realtime:workers", binding(WORKERS, f"id=eq.{tendril.id}", "*"))
    for number in range(100):
        tendril.beat(draining=number % 2 == 0)
    tendril.beat(draining=True)
    newest = next(item for item in api.get("/api/workers")["items"] if item["id"] == tendril.id)
    assert newest["status"] == "DRAINING"
    while (change := socket.next()).record["last_seen_at"] != newest["last_seen_at"]:
        pass
    assert change.record["status"] == "DRAINING"
    assert not socket.heartbeat(), "a change after the newest one"


def test_new_worker(socket: Socket, api: Api) -> None:
    socket.joined("realtime:workers", binding(WORKERS, event="*"))
    new = SimulatedTendril(api)
    made = until_status(socket, new.id, "OFFLINE")[-1]
    assert made.payload["data"]["type"] == "INSERT" and made.record["name"] == new.name
    assert columns(made) == WORKER_COLUMNS and set(made.record) == set(WORKER_COLUMNS)
    new.beat()
    online = until_status(socket, new.id, "ONLINE")[-1]
    assert online.payload["data"]["type"] == "UPDATE" and online.record["slots"] == 256


def test_rows_of_a_log_have_all_columns(socket: Socket, tendril: SimulatedTendril) -> None:
    job = tendril.start()
    socket.joined("realtime:a", of_job(job.id))
    job.append("x\n")
    change = socket.next()
    assert columns(change) == LOG_COLUMNS
    assert set(change.record) == set(LOG_COLUMNS), "a column of the list is missing in the record"


def test_select_on_state_tables(socket: Socket, api: Api) -> None:
    socket.joined("realtime:jobs", binding(JOBS, event="INSERT", select=["id", "status"]))
    queued = SimulatedTendril(api).queue()
    change = socket.until(lambda m: m.record["id"] == queued)[-1]
    assert set(change.record) == {"id", "status"} == set(columns(change))


def test_feed_contains_no_secrets(open_socket: Connect, server: Server, api: Api) -> None:
    """No frame of any table contains a secret of a job."""
    names = "variable", "sensitive", "environment", "hidden", "file"
    secrets = {name: f"{name}-{uuid.uuid4().hex}" for name in names}
    socket = open_socket()
    socket.joined("realtime:all", binding(JOBS, event="*"), binding(WORKERS, event="*"))
    tendril = SimulatedTendril(api)
    job = tendril.start(
        variables={"v": secrets["variable"]}, sensitive_variables={"s": secrets["sensitive"]},
        environment={"E": secrets["environment"]}, sensitive_environment={"H": secrets["hidden"]},
        source={"type": "inline", "files": {"main.tf": f'# {secrets["file"]}\n'}})
    metadata = f"metadata-{uuid.uuid4().hex}"
    message = f"message-{uuid.uuid4().hex}"
    job.report(execution_metadata={"x": metadata})
    log = open_socket()
    log.joined("realtime:log", of_job(job.id, "seq=gt.0"))
    job.report(status="FAILED", engine_state="GONE", error_message=message, log={"incomplete": "test"})
    frames = until_status(socket, job.id, "FAILED") + socket.heartbeat() + log.heartbeat()
    shown = json.dumps([m.payload for m in frames])
    assert tendril.name in shown
    forbidden: dict[str, Any] = {
        **secrets, "metadata": metadata, "error_message": message, "tendril's token": tendril.token,
        "api token": server.token}
    assert not [name for name, secret in forbidden.items() if secret in shown]


@pytest.fixture(scope="module")
def overrun(server: Server, api: Api) -> Iterator[list[Message]]:
    """What a connection with twenty channels on `workers` receives if it does not read for more than a thousand
    changes: the frames that fit into the buffers, then the server's messages about the rest."""
    tendril = SimulatedTendril(api)
    narrow = plain.socket()
    narrow.setsockopt(plain.SOL_SOCKET, plain.SO_RCVBUF, 4096)
    narrow.connect((server.host, server.port))
    # The client reads nothing for a while, not even the replies to its own pings.
    with Socket(server.url, server.token, sock=narrow, ping_interval=None) as socket:
        for number in range(20):
            socket.send_join(f"realtime:{number}", binding(WORKERS, f"id=eq.{tendril.id}", "*"))
        socket.until(lambda m: m.event == "system" and m.topic == "realtime:19")
        for _ in range(1300):
            tendril.beat()
        received: list[Message] = []
        while len({m.topic for m in received if m.event == "system"}) < 20:
            received.append(socket.next())
        yield received + socket.heartbeat()


@pytest.mark.slow
def test_overrun_reader_is_notified(overrun: list[Message]) -> None:
    """These tables keep no history, so a reader that missed changes must be notified."""
    received = [m.payload for m in overrun if m.event == "system"]
    assert len(received) == 20
    assert {(payload["status"], payload["extension"]) for payload in received} == {("error", "postgres_changes")}
    assert all("Join again" in payload["message"] for payload in received)


@pytest.mark.slow
def test_overrun_clients_rejoin(overrun: list[Message]) -> None:
    """Clients rejoin after a system error and after a `phx_error`. After a `phx_close` they drop the channel."""
    assert not [m.topic for m in overrun if m.event == "phx_close"]


@pytest.mark.slow
def test_worker_without_heartbeat_goes_offline(without_heartbeat: tuple[Socket, SimulatedTendril]) -> None:
    """The row does not change, but a change is sent about 30 s after the last heartbeat."""
    socket, tendril = without_heartbeat
    changes = until_status(socket, tendril.id, "OFFLINE", 40)
    assert changes[-1].payload["data"]["type"] == "UPDATE"
