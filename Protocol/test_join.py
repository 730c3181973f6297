"""Joining and leaving channels, in both versions of the protocol."""

from __future__ import annotations

import pytest

from harness import Api, SimulatedJob
from harness.realtime import JOBS, V1, Connect, Socket, binding, of_job


@pytest.fixture
def socket(open_socket: Connect, version: str) -> Socket:
    return open_socket(version=version)


def test_reply_repeats_the_bindings_in_order(socket: Socket, job: SimulatedJob) -> None:
    """Clients compare each binding of the reply with the one that they sent."""
    sent = [of_job(job.id), binding(JOBS, f"id=eq.{job.id}", "*"),
            of_job(job.id, "seq=gt.0", select=["seq", "log_chunk"]), of_job(job.id),
            {"event": "*", "schema": "public", "table": "workers"}]
    joined = socket.joined("realtime:a", *sent)
    assert [{k: v for k, v in echo.items() if k not in ("id", "seq")} for echo in joined.echoes] == sent
    ids = [echo["id"] for echo in joined.echoes]
    assert all(type(id) is int and 0 < id < 2**53 for id in ids)
    assert ids[0] == ids[3] and len(set(ids)) == 4
    assert [("seq" in echo) for echo in joined.echoes] == [True, False, True, True, False]


def test_system_message_follows_the_reply(socket: Socket, job: SimulatedJob) -> None:
    joined = socket.joined("realtime:job:1", of_job(job.id))
    assert joined.system is not None
    assert joined.system.payload == {
        "extension": "postgres_changes", "status": "ok", "message": "Subscribed to PostgreSQL", "channel": "job:1"}
    if socket.version != V1:
        assert joined.system.join_ref == joined.reply.join_ref == joined.reply.ref


def test_changes_have_all_fields(socket: Socket, job: SimulatedJob, api: Api) -> None:
    joined = socket.joined("realtime:a", of_job(job.id))
    job.append("hello\n", stream="STDERR")
    change = socket.next()
    assert (change.event, change.topic, change.ref, change.join_ref) == ("postgres_changes", "realtime:a", None, None)
    assert change.payload["ids"] == [joined.echoes[0]["id"]]
    data = change.payload["data"]
    assert set(data) == {"schema", "table", "type", "commit_timestamp", "errors", "columns", "record"}
    assert (data["schema"], data["table"], data["type"], data["errors"]) == (
        "public", "provision_job_logs", "INSERT", None)
    assert data["commit_timestamp"] == data["record"]["created_at"]
    assert data["record"] == api.rows(job.id)[-1]


def test_join_without_bindings(socket: Socket) -> None:
    """Only presence and broadcast: the join succeeds, without a system message."""
    assert socket.joined("realtime:chat").reply.payload == {"status": "ok", "response": {}}
    ref = socket.push("realtime:bare", "phx_join", {})
    assert socket.reply(ref).payload == {"status": "ok", "response": {}}
    assert socket.heartbeat() == []


def test_second_join_replaces_the_first(socket: Socket, job: SimulatedJob) -> None:
    first = socket.joined("realtime:a", of_job(job.id)).reply
    ref = socket.send_join("realtime:a", of_job(job.id))
    close = socket.next()
    assert (close.event, close.topic, close.ref, close.payload) == ("phx_close", "realtime:a", first.ref, {})
    if socket.version != V1:
        assert close.join_ref == first.ref
    assert socket.reply(ref).payload["status"] == "ok"
    assert socket.next().payload["message"] == "Subscribed to PostgreSQL"
    last = job.append("one\n", "two\n")
    assert [row["seq"] for row in socket.rows("realtime:a", last)] == [last - 1, last]
    assert socket.heartbeat() == []


def test_leave_stops_delivery(socket: Socket, job: SimulatedJob) -> None:
    join = socket.joined("realtime:left", of_job(job.id)).reply
    socket.joined("realtime:stays", of_job(job.id))
    ref = socket.push("realtime:left", "phx_leave", {}, join_ref=join.ref)
    assert socket.reply(ref).payload == {"status": "ok", "response": {}}
    close = socket.next()
    assert (close.event, close.topic, close.ref) == ("phx_close", "realtime:left", join.ref)
    # Both channels' rows would be sent together, and the reply to the heartbeat follows them.
    last = job.append("one\n", "two\n")
    seen = socket.until(lambda m: m.topic == "realtime:stays" and m.record["seq"] == last)
    assert {message.topic for message in seen + socket.heartbeat()} == {"realtime:stays"}


def test_rejoin_after_leave(socket: Socket, job: SimulatedJob) -> None:
    for text in "one\n", "two\n":
        socket.joined("realtime:a", of_job(job.id))
        last = job.append(text)
        assert [row["log_chunk"] for row in socket.rows("realtime:a", last)] == [text]
        ref = socket.push("realtime:a", "phx_leave", {})
        assert socket.reply(ref).payload["status"] == "ok"
        assert socket.next().event == "phx_close"


def test_leave_without_join(socket: Socket) -> None:
    assert socket.reply(socket.push("realtime:nowhere", "phx_leave", {})).payload == {"status": "ok", "response": {}}
    assert socket.heartbeat() == []


@pytest.mark.parametrize("event", ["access_token", "broadcast", "presence", "whatever"])
def test_unknown_topic(socket: Socket, event: str) -> None:
    ref = socket.push("realtime:nowhere", event, {"access_token": "x"})
    assert socket.reply(ref).payload == {"status": "error", "response": {"reason": "unmatched topic"}}


@pytest.mark.parametrize("event", ["broadcast", "presence", "whatever", "postgres_changes", ""])
def test_unknown_events_are_ignored(socket: Socket, job: SimulatedJob, event: str) -> None:
    socket.joined("realtime:a", of_job(job.id))
    socket.push("realtime:a", event, {"type": "broadcast", "event": "x", "payload": {}})
    socket.push("phoenix", "whatever", {})
    assert socket.heartbeat() == []
    last = job.append("still here\n")
    assert len(socket.rows("realtime:a", last)) == 1


@pytest.mark.parametrize("ref", ["7", None])
def test_heartbeat(socket: Socket, ref: str | None) -> None:
    """The Python client sends no ref; the JavaScript client waits for its ref."""
    socket.push("phoenix", "heartbeat", {}, ref=ref)
    reply = socket.reply(ref)
    assert (reply.topic, reply.payload) == ("phoenix", {"status": "ok", "response": {}})


@pytest.mark.parametrize("frame", [
    "", "null", "7", "{}", "[]", "[[[[", '{"topic":"realtime:a"}', '["1","1","realtime:a","phx_join"]',
    '[1,2,3,4,5]', '{"topic":1,"event":2,"payload":3,"ref":4}', "\u0000", "{" * 100_000, "[" * 100_000,
    '["1","1","realtime:a","phx_join",' + "[" * 100_000 + "]" * 100_000 + "]", b"\x03binary", b"",
], ids=lambda frame: repr(frame[:20]))
def test_invalid_messages_are_ignored(socket: Socket, job: SimulatedJob, frame: str | bytes) -> None:
    socket.joined("realtime:a", of_job(job.id))
    socket.connection.send(frame)
    assert socket.heartbeat() == []
    assert len(socket.rows("realtime:a", job.append("still here\n"))) == 1


@pytest.mark.parametrize("topic", ["realtime:", "", "job:1", "phoenix"])
def test_channels_need_a_name(socket: Socket, topic: str) -> None:
    reply = socket.reply(socket.send_join(topic))
    assert reply.payload["status"] == "error"
    assert reply.payload["response"]["reason"].startswith("TopicNameRequired")


@pytest.mark.parametrize("payload", [
    {"config": {"postgres_changes": {}}}, {"config": {"postgres_changes": ["x"]}},
    {"config": {"postgres_changes": [{"event": "*", "table": "workers", "select": "id"}]}},
])
def test_malformed_join_is_refused(socket: Socket, payload: object) -> None:
    reply = socket.reply(socket.push("realtime:a", "phx_join", payload))
    assert reply.payload["status"] == "error"
    assert reply.payload["response"]["reason"].startswith("MalformedPayload: ")
    assert socket.reply(socket.push("realtime:a", "whatever", {})).payload["status"] == "error"


def test_same_on_the_self_hosted_path(open_socket: Connect, job: SimulatedJob) -> None:
    socket = open_socket(path="/socket/websocket", version=None)
    socket.joined("realtime:a", of_job(job.id))
    assert len(socket.rows("realtime:a", job.append("hello\n"))) == 1
