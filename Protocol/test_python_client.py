"""How PyPI's `realtime` client reacts to errors and restarts."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, Callable

import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from harness import Api, Server, SimulatedJob, SimulatedTendril
from harness.realtime import JOBS

SUBSCRIBED, ERROR = RealtimeSubscribeStates.SUBSCRIBED, RealtimeSubscribeStates.CHANNEL_ERROR


class Client:
    """A client with one channel, and what it received."""

    def __init__(self, server: Server, **binding: Any) -> None:
        self.received: asyncio.Queue[Any] = asyncio.Queue()
        self.client = AsyncRealtimeClient(f"{server.url}/realtime/v1", server.token)
        self.channel = self.client.channel("x").on_postgres_changes(
            callback=lambda change: self.received.put_nowait(change["data"]), **binding)

    async def __aenter__(self) -> Client:
        await self.channel.subscribe(lambda state, error: self.received.put_nowait((state, error)))
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.client.close()

    async def next(self) -> Any:
        return await asyncio.wait_for(self.received.get(), 10)


def test_rows_with_selected_columns(server: Server, job: SimulatedJob) -> None:
    async def play() -> None:
        binding = {"event": "INSERT", "table": "provision_job_logs", "filter": f"job_id=eq.{job.id}",
                   "select": ["seq", "log_chunk"]}
        async with Client(server, **binding) as client:
            assert await client.next() == (SUBSCRIBED, None)
            seq = await asyncio.to_thread(job.append, "hello\n")
            assert (await client.next())["record"] == {"seq": seq, "log_chunk": "hello\n"}

    asyncio.run(play())


def test_state_table(server: Server, api: Api) -> None:
    async def play() -> None:
        tendril = SimulatedTendril(api)
        async with Client(server, event="*", table=JOBS, filter=f"assigned_worker_id=eq.{tendril.id}") as client:
            assert await client.next() == (SUBSCRIBED, None)
            queued = await asyncio.to_thread(tendril.queue)
            made = await client.next()
            assert (made["type"], made["record"]["id"], made["record"]["status"]) == ("INSERT", queued, "QUEUED")
            await asyncio.to_thread(tendril.claim, queued)
            changed = await client.next()
            assert (changed["type"], changed["old_record"]) == ("UPDATE", {"id": queued})

    asyncio.run(play())


def test_invalid_filter_is_a_channel_error(server: Server) -> None:
    async def play() -> None:
        async with Client(server, event="INSERT", table="provision_job_logs") as client:
            assert (await client.next())[0] == SUBSCRIBED
            state, error = await client.next()
            assert state == ERROR and "job_id=eq.ID" in str(error)

    asyncio.run(play())


def test_client_joins_again_after_a_system_error(server: Server) -> None:
    """The client joins the same topic again after a second. The server also sends such an error if its database is briefly
    unavailable, so the client must get a channel; the server must not send the new one the old one's close."""
    async def play() -> None:
        async with Client(server, event="INSERT", table="provision_job_logs") as client:
            assert [(await client.next())[0] for _ in range(4)] == [SUBSCRIBED, ERROR, SUBSCRIBED, ERROR]

    asyncio.run(play())


@pytest.mark.slow
def test_client_survives_a_restart(make_server: Callable[..., Server]) -> None:
    """The control plane is stopped and starts again: the client is notified, rejoins, and misses nothing."""
    server = make_server("--tendrils", "0")
    tendril = SimulatedTendril(Api(server))
    job = tendril.start()
    first = job.append("before\n")

    async def play() -> None:
        filter = f"job_id=eq.{job.id},seq=gte.{first}"
        async with Client(server, event="INSERT", table="provision_job_logs", filter=filter) as client:
            systems: list[str] = []
            client.channel.on_system(lambda payload: systems.append(payload.message))
            assert (await client.next())[0] == SUBSCRIBED
            assert (await client.next())["record"]["seq"] == first
            trellis = server.trellis()
            assert trellis
            os.kill(trellis, signal.SIGTERM)
            assert (await client.next())[0] == ERROR
            assert systems[-1] == "Server requested disconnect"
            assert (await client.next())[0] == SUBSCRIBED
            await asyncio.to_thread(job.append, "after\n")
            assert [(await client.next())["record"]["log_chunk"] for _ in range(2)] == ["before\n", "after\n"]

    asyncio.run(play())


def test_leaving_and_joining_again(server: Server, job: SimulatedJob) -> None:
    async def play() -> None:
        binding = {"event": "INSERT", "table": "provision_job_logs", "filter": f"job_id=eq.{job.id}"}
        async with Client(server, **binding) as client:
            assert (await client.next())[0] == SUBSCRIBED
            await client.channel.unsubscribe()
            assert (await client.next())[0] == RealtimeSubscribeStates.CLOSED
            again: asyncio.Queue[Any] = asyncio.Queue()
            await client.client.channel("x").on_postgres_changes(
                callback=lambda change: again.put_nowait(change["data"]["record"]), **binding).subscribe()
            seq = await asyncio.to_thread(job.append, "hello\n")
            assert (await asyncio.wait_for(again.get(), 10))["seq"] == seq
            assert client.received.empty()

    asyncio.run(play())
