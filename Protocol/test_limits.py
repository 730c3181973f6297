"""The limits of docs/realtime.md, just below and just above."""

from __future__ import annotations

import json
import sqlite3
import time
from typing import Any, Callable

import pytest
from websockets.exceptions import ConnectionClosed

from harness import Api, Server, SimulatedJob, SimulatedTendril
from harness.realtime import JOBS, Socket, binding, of_job

FRAME = 900_000
MESSAGE = 256 << 10
CHUNK = 64 << 10


def reason(socket: Socket, topic: str, *bindings: Any) -> str:
    """Why a join is refused; empty if it succeeds."""
    reply = socket.join(topic, *bindings).reply
    return reply.payload["response"].get("reason", "")


# ---- channels, joins, bindings, filters


def test_number_of_channels_per_connection(socket: Socket) -> None:
    for number in range(100):
        assert reason(socket, f"realtime:{number}") == ""
    # The limit on joins may apply first; it recovers.
    deadline = time.monotonic() + 5
    while (refusal := reason(socket, "realtime:100")).startswith("ClientJoinRateLimitReached: "):
        assert time.monotonic() < deadline
    assert refusal == "ChannelRateLimitReached: Too many channels"
    socket.reply(socket.push("realtime:50", "phx_leave", {}))
    assert socket.next().event == "phx_close"
    deadline = time.monotonic() + 5
    while refusal := reason(socket, "realtime:100"):
        assert refusal.startswith("ClientJoinRateLimitReached: ") and time.monotonic() < deadline


def test_length_of_a_topic(socket: Socket) -> None:
    """It is limited in bytes, because every frame contains it, and frames are kept."""
    for longest in "realtime:" + "x" * 246, "realtime:" + "\u00fc" * 123:
        assert len(longest.encode()) == 255
        assert reason(socket, longest) == ""
        assert reason(socket, longest + "x") != ""


def test_rate_of_joins(socket: Socket) -> None:
    """A hundred at once, then ten per second. The others are refused with the code that makes clients wait."""
    begin = time.monotonic()
    refs = [socket.send_join("realtime:a") for _ in range(300)]
    seen = socket.until(lambda m: m.event == "phx_reply" and m.ref == refs[-1])
    replies = [m for m in seen if m.event == "phx_reply"]
    passed = time.monotonic() - begin
    assert [m.ref for m in replies] == refs
    assert all(m.payload["status"] == "ok" for m in replies[:100])
    refused = [m.payload["response"]["reason"] for m in replies if m.payload["status"] == "error"]
    assert 200 - 10 * passed - 1 <= len(refused) <= 200
    assert all(text.startswith("ClientJoinRateLimitReached: ") for text in refused)
    deadline = time.monotonic() + 5
    while reason(socket, "realtime:b"):
        assert time.monotonic() < deadline, "the limit on joins did not recover"


def test_other_connections_have_their_own_joins(socket: Socket, open_socket: Any) -> None:
    refs = [socket.send_join("realtime:a") for _ in range(120)]
    socket.until(lambda m: m.event == "phx_reply" and m.ref == refs[-1])
    assert reason(open_socket(), "realtime:a") == ""


def test_number_of_bindings_per_channel(socket: Socket, job: SimulatedJob) -> None:
    hundred = [of_job(job.id, f"line_count=neq.{number}") for number in range(2, 102)]
    joined = socket.joined("realtime:a", *hundred)
    assert len({echo["id"] for echo in joined.echoes}) == 100
    job.append("x\n")
    assert len(socket.next().payload["ids"]) == 100
    assert reason(socket, "realtime:b", *hundred, binding(JOBS)).startswith("MalformedPayload: ")


@pytest.mark.parametrize("make", [
    lambda job, count: of_job(job, f"seq=in.({','.join(map(str, range(1, count + 1)))})"),
    lambda job, count: binding(JOBS, f"id=in.({','.join([job] * count)})"),
    lambda job, count: binding(filter=f"job_id=in.({','.join([job] * count)})"),
], ids=["seq", "id", "job_id"])
def test_number_of_values_of_in(socket: Socket, job: SimulatedJob, make: Any) -> None:
    assert socket.joined("realtime:a", make(job.id, 100))
    joined = socket.join("realtime:b", make(job.id, 101))
    assert joined.system and joined.system.payload["status"] == "error"
    assert "Maximum 100" in joined.system.payload["message"]


def test_number_of_conditions_of_a_filter(socket: Socket, job: SimulatedJob) -> None:
    assert socket.joined("realtime:a", of_job(job.id, ",".join(["line_count=lt.9"] * 31)))
    joined = socket.join("realtime:b", of_job(job.id, ",".join(["line_count=lt.9"] * 32)))
    assert joined.system and joined.system.payload["status"] == "error"
    assert "at most 32" in joined.system.payload["message"]


# ---- messages from clients


def heartbeat(size: int) -> str:
    """A heartbeat of exactly this many bytes."""
    empty = json.dumps([None, "1", "phoenix", "heartbeat", {"pad": ""}])
    return json.dumps([None, "1", "phoenix", "heartbeat", {"pad": "x" * (size - len(empty))}])


@pytest.mark.parametrize("fragments", [1, 7])
def test_largest_message(socket: Socket, fragments: int) -> None:
    text = heartbeat(MESSAGE)
    assert len(text) == MESSAGE
    length = -(-len(text) // fragments)
    parts = [text[at:at + length] for at in range(0, len(text), length)]
    socket.connection.send(parts if fragments > 1 else text)
    assert socket.reply("1").payload["status"] == "ok"


@pytest.mark.parametrize("fragments", [1, 7])
def test_larger_message_ends_the_connection(socket: Socket, fragments: int) -> None:
    text = heartbeat(MESSAGE + 1)
    length = -(-len(text) // fragments)
    parts = [text[at:at + length] for at in range(0, len(text), length)]
    with pytest.raises(ConnectionClosed) as caught:
        socket.connection.send(parts if fragments > 1 else text)
        socket.next()
    assert caught.value.rcvd and caught.value.rcvd.code == 1009


def test_binary_message_of_the_largest_size(socket: Socket) -> None:
    socket.connection.send(b"x" * MESSAGE)
    assert socket.heartbeat() == []


# ---- frames from the server: the Python client drops the connection at 1 MiB


@pytest.mark.parametrize("text", [
    "\x1b" * CHUNK, "\n" * CHUNK, '"' * CHUNK, "\\" * CHUNK, "\u2028" * (CHUNK // 3), "\U0001f332" * (CHUNK // 4),
    "\x7f" * CHUNK, "\x01\n" * (CHUNK // 2), "/" * CHUNK,
], ids=lambda text: f"U+{ord(text[0]):04X}")
def test_worst_chunks(open_socket: Any, version: str, job: SimulatedJob, text: str) -> None:
    socket = open_socket(version=version)
    socket.joined("realtime:a", of_job(job.id))
    job.append(text)
    change = socket.next()
    assert change.record["log_chunk"] == text
    assert change.size < FRAME


def test_chunk_with_a_time_for_each_line(socket: Socket, job: SimulatedJob) -> None:
    """A frame has one time per line, in addition to the text."""
    socket.joined("realtime:a", of_job(job.id))
    now = int(time.time() * 1000)
    job.append_chunks([{
        "stream_type": "STDOUT", "log_chunk": "\n" * CHUNK, "times": [[1, now + number] for number in range(CHUNK)]}])
    change = socket.next()
    assert change.record["line_count"] == CHUNK
    assert change.size < FRAME


def test_bindings_and_topic_count_for_the_frame(socket: Socket, job: SimulatedJob) -> None:
    """Each frame contains the topic and the IDs of the bindings."""
    socket.joined("realtime:" + "\x1b" * 246, *(of_job(job.id, f"line_count=neq.{number}") for number in range(2, 102)))
    job.append("\x1b" * CHUNK)
    assert socket.next().size < FRAME


def test_a_damaged_log_ends_its_channel(make_server: Callable[..., Server]) -> None:
    """A row is missing in the database: reading again would not bring it back, so nothing tries for ever."""
    server = make_server("--tendrils", "0")
    job = SimulatedTendril(Api(server)).start()
    job.append(*(f"line {number}\n" for number in range(20)))
    with sqlite3.connect(server.data / "vintner.sqlite", timeout=30) as database:
        gone = database.execute("DELETE FROM provision_job_logs WHERE job_id = ? AND seq = 12", (job.id,)).rowcount
    database.close()
    assert gone == 1
    with Socket(server.url, server.token) as socket:
        socket.joined("realtime:log", of_job(job.id, "seq=gt.0"))
        seen = socket.until(lambda message: message.event == "phx_close")
        rows = [message.record["seq"] for message in seen if message.event == "postgres_changes"]
        assert rows == list(range(1, 12))
        assert seen[-2].event == "system" and seen[-2].payload["status"] == "error"
        assert "damaged" in seen[-2].payload["message"]
        # The connection and its other channels go on.
        socket.joined("realtime:jobs", binding(JOBS, f"id=eq.{job.id}", "*"))
        socket.heartbeat()
