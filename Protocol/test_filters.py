"""Which rows a binding receives."""

from __future__ import annotations

from typing import Any

import pytest

from harness import SimulatedJob, SimulatedTendril
from harness.realtime import JOBS, WORKERS, Message, Socket, binding, of_job

NOWHERE = "00000000-0000-4000-8000-000000000000"


def deliver(socket: Socket, job: SimulatedJob, *bindings: Any) -> list[tuple[str, list[int]]]:
    """Appends five known chunks; returns the text and the IDs of the rows that these bindings deliver. One more binding
    delivers only the last row. A channel delivers in order, so after that row nothing else is on its way."""
    joined = socket.joined("realtime:some", *bindings, of_job(job.id, "stream_type=eq.SYSTEM"))
    end = joined.echoes[-1]["id"]
    for text, stream in ("a\n", "STDOUT"), ("b\n", "STDERR"), ("c\n", "STDOUT"), ("d\n", "STDERR"):
        job.append(text, stream=stream)
    last = job.append("last\n", stream="SYSTEM")
    seen = socket.until(lambda m: m.record["seq"] == last) + socket.heartbeat()
    came = [(m.record["log_chunk"].strip(), [id for id in m.payload["ids"] if id != end]) for m in seen]
    return [(text, ids) for text, ids in came if ids]


def texts(socket: Socket, job: SimulatedJob, filter: str) -> str:
    return "".join(text[0] for text, _ in deliver(socket, job, of_job(job.id, filter)))


@pytest.mark.parametrize("filter, expected", [
    ("", "abcdl"), ("stream_type=eq.STDERR", "bd"), ("stream_type=neq.STDERR", "acl"),
    ("stream_type=in.(STDERR,SYSTEM)", "bdl"), ("stream_type=not.in.(STDERR,SYSTEM)", "ac"),
    ('stream_type=in.("STDERR")', "bd"), ("log_chunk=like.a%", "a"), ("log_chunk=ilike.LAST*", "l"),
    ("log_chunk=not.like.a%,stream_type=eq.STDOUT", "c"), ("stream_type=eq.STDOUT,stream_type=eq.STDERR", ""),
    ("epoch=eq.1,line_count=lte.1", "abcdl"), ("epoch=gt.1", ""), ("stream_type=isdistinct.STDOUT", "bdl"),
    ("created_at=gt.2020-01-01T00:00:00Z", "abcdl"), ("created_at=lt.2020-01-01T00:00:00Z", ""),
    ("stream_type=eq.nonsense", ""),
])
def test_columns(socket: Socket, job: SimulatedJob, filter: str, expected: str) -> None:
    assert texts(socket, job, filter) == expected


@pytest.mark.parametrize("filter, expected", [
    ("seq=gt.{0},seq=lt.{3}", "bc"), ("seq=gte.{1},seq=lte.{2}", "bc"), ("seq=in.({0},{2})", "ac"),
    ("seq=eq.{3}", "d"), ("seq=not.gt.{1}", "ab"), ("seq=neq.{0}", "bcdl"), ("seq=gt.{4}", ""),
    ("seq=gt.1000000", ""),
])
def test_ranges_of_seq(socket: Socket, job: SimulatedJob, filter: str, expected: str) -> None:
    begin = job.seq() + 1
    assert texts(socket, job, filter.format(*range(begin, begin + 5))) == expected


def test_row_of_two_bindings_is_delivered_once(socket: Socket, job: SimulatedJob) -> None:
    """It has the IDs of both bindings; a row of one binding has only its ID."""
    came = deliver(socket, job, of_job(job.id, "stream_type=eq.STDERR"), of_job(job.id, "stream_type=neq.SYSTEM"))
    (first,), (second,) = came[0][1], [id for id in came[1][1] if id not in came[0][1]]
    assert {text: sorted(ids) for text, ids in came} == {
        "a": [first], "b": sorted([first, second]), "c": [first], "d": sorted([first, second])}
    assert [text for text, _ in came] == ["a", "b", "c", "d"]


def test_equal_bindings_share_one_id(socket: Socket, job: SimulatedJob) -> None:
    came = deliver(socket, job, of_job(job.id), of_job(job.id))
    assert [text for text, _ in came] == ["a", "b", "c", "d", "last"]
    assert all(len(ids) == 1 for _, ids in came)


def test_bindings_with_different_starts(socket: Socket, job: SimulatedJob) -> None:
    """One delivers stored rows, the other new ones; each row names exactly the bindings that deliver it."""
    stored = job.append("old\n")
    joined = socket.joined("realtime:a", of_job(job.id), of_job(job.id, "seq=gt.0"))
    new_id, old_id = (echo["id"] for echo in joined.echoes)
    last = job.append("new\n")
    ids = {m.record["seq"]: m.payload["ids"] for m in socket.until(lambda m: m.record["seq"] == last)}
    assert list(ids) == list(range(1, last + 1))
    assert ids[stored] == [old_id] and sorted(ids[last]) == sorted([new_id, old_id])


def test_channels_do_not_share(socket: Socket, job: SimulatedJob) -> None:
    for name in "a", "b":
        socket.joined(f"realtime:{name}", of_job(job.id))
    last = job.append("one\n", "two\n", "three\n")
    wanted = {(f"realtime:{name}", seq) for name in ("a", "b") for seq in range(last - 2, last + 1)}
    seen: list[Message] = []
    while len(seen) < 6:
        seen.append(socket.next())
    assert {(m.topic, m.record["seq"]) for m in seen} == wanted
    assert socket.heartbeat() == []


def test_several_jobs(socket: Socket, tendril: SimulatedTendril) -> None:
    jobs = [tendril.start() for _ in range(4)]
    *followed, other = jobs
    joined = socket.joined("realtime:a", binding(filter=f"job_id=in.({','.join(job.id for job in followed)})"))
    assert "seq" not in joined.echoes[0], "one number for several logs"
    socket.joined("realtime:other", of_job(other.id))
    for round in range(3):
        for job in jobs:
            job.append(f"{round}\n")
    last = other.append("last\n")
    seen: list[Message] = []
    while len([m for m in seen if m.topic == "realtime:a"]) < 9 or seen[-1].record["seq"] != last:
        seen.append(socket.next())
        if len(seen) == 13:
            break
    rows = [m.record for m in seen if m.topic == "realtime:a"]
    assert socket.heartbeat() == []
    assert {row["job_id"] for row in rows} == {job.id for job in followed}
    for job in followed:
        assert [row["log_chunk"] for row in rows if row["job_id"] == job.id] == ["0\n", "1\n", "2\n"]


def test_select(socket: Socket, job: SimulatedJob) -> None:
    socket.joined("realtime:a", of_job(job.id, select=["seq", "log_chunk"]))
    last = job.append("hello\n")
    data = socket.next().payload["data"]
    assert data["record"] == {"seq": last, "log_chunk": "hello\n"}
    assert data["columns"] == [{"name": "seq", "type": "int8"}, {"name": "log_chunk", "type": "text"}]


@pytest.mark.parametrize("event, rows", [("INSERT", 1), ("*", 1), ("insert", 1), ("UPDATE", 0), ("DELETE", 0)])
def test_events_of_a_log(socket: Socket, job: SimulatedJob, event: str, rows: int) -> None:
    """Logs are append-only."""
    socket.joined("realtime:all", of_job(job.id))
    socket.joined("realtime:some", of_job(job.id, event=event))
    last = job.append("x\n")
    seen = socket.until(lambda m: m.topic == "realtime:all" and m.record["seq"] == last) + socket.heartbeat()
    assert len([m for m in seen if m.topic == "realtime:some"]) == rows


def test_filter_sees_missing_columns_as_their_value(socket: Socket, job: SimulatedJob) -> None:
    """`continued` is false for most rows, and a filter must find them."""
    assert texts(socket, job, "continued=is.false") == "abcdl"


JOB = "{job}"


@pytest.mark.parametrize("wrong, message", [
    (binding(), "provision_job_logs needs the filter job_id=eq.ID"),
    (binding(filter="seq=gt.0"), "provision_job_logs needs the filter job_id=eq.ID"),
    (binding(filter="job_id=neq.{job}"), "provision_job_logs needs the filter job_id=eq.ID"),
    (binding(filter="job_id=not.eq.{job}"), "provision_job_logs needs the filter job_id=eq.ID"),
    (binding(filter="job_id=like.%"), "provision_job_logs needs the filter job_id=eq.ID"),
    (binding(filter=f"job_id=eq.{NOWHERE}"), None),
    (binding(filter="job_id=eq."), None),
    (binding(filter="job_id=in.()"), None),
    (binding(filter="job_id=eq.' OR 1=1 --"), None),
    (of_job(JOB, "foo=eq.1"), "invalid column for filter foo"),
    (of_job(JOB, "seq=foo.1"), 'Error parsing `filter` params: ["seq", "foo"]'),
    (of_job(JOB, "seq"), 'Error parsing `filter` params: ["seq"]'),
    (of_job(JOB, "seq=gt.0,"), None),
    (of_job(JOB, "log_chunk=match.(a+)+b"), "the filter operator match is not supported; use like or ilike"),
    (of_job(JOB, "log_chunk=imatch.x"), "the filter operator imatch is not supported; use like or ilike"),
    (of_job(JOB, "continued=is.maybe"), None),
    (of_job(JOB, select=["seq", "secret"]), "invalid column for select secret"),
    (of_job(JOB, event="TRUNCATE"), "the event is INSERT, UPDATE, DELETE or *"),
    ({**of_job(JOB), "schema": "private"}, "schema private is not available; use public"),
    (binding("vine_states"), None), (binding("tokens"), None), (binding("sqlite_master"), None),
    ({"event": "*", "schema": "public"}, None), ({"event": "*", "schema": "*"}, None), ({}, None),
    (binding(JOBS, "config_snapshot=eq.x"), "invalid column for filter config_snapshot"),
    (binding(WORKERS, "token_hash=like.%"), "invalid column for filter token_hash"),
])
def test_invalid_binding(socket: Socket, job: SimulatedJob, wrong: dict[str, Any], message: str | None) -> None:
    """As in Supabase, the join succeeds, a system message reports the error, and the channel delivers nothing."""
    wrong = {key: value.replace(JOB, job.id) if isinstance(value, str) else value for key, value in wrong.items()}
    joined = socket.join("realtime:wrong", of_job(job.id), wrong)
    assert joined.reply.payload["status"] == "ok"
    assert [{k: v for k, v in echo.items() if k != "id"} for echo in joined.echoes] == [of_job(job.id), wrong]
    assert joined.system is not None
    system = joined.system.payload
    assert (system["status"], system["extension"], system["channel"]) == ("error", "postgres_changes", "wrong")
    assert system["message"] and message in (None, system["message"])
    socket.joined("realtime:right", of_job(job.id))
    last = job.append("x\n")
    seen = socket.until(lambda m: m.topic == "realtime:right" and m.record["seq"] == last) + socket.heartbeat()
    assert {m.topic for m in seen} == {"realtime:right"}


def test_channel_can_be_joined_again_after_an_error(socket: Socket, job: SimulatedJob) -> None:
    """Clients do so after a system error."""
    socket.join("realtime:a", binding())
    ref = socket.send_join("realtime:a", of_job(job.id))
    assert socket.until(lambda m: m.event == "phx_reply" and m.ref == ref)[-1].payload["status"] == "ok"
    assert socket.next().payload["status"] == "ok"
    assert len(socket.rows("realtime:a", job.append("x\n"))) == 1


def test_bindings_that_select_differently(socket: Socket, job: SimulatedJob) -> None:
    """A row that several bindings deliver has the columns of all of them."""
    socket.joined("realtime:a", of_job(job.id, select=["seq"]), of_job(job.id, "line_count=eq.1", select=["log_chunk"]))
    job.append("one\n", "two\nlines\n")
    assert [set(socket.next().record) for _ in range(2)] == [{"seq", "log_chunk"}, {"seq"}]
