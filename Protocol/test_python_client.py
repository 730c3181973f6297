"""PyPI's `realtime` client where things go wrong: what it makes of what the server says."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, Callable

import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from frames import JOBS
from server import Api, Job, Server, Tendril

SUBSCRIBED, ERROR = RealtimeSubscribeStates.SUBSCRIBED, RealtimeSubscribeStates.CHANNEL_ERROR


class Client:
    """A client with one channel, and what it was told."""

    def __init__(self, server: Server, **binding: Any) -> None:
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self.client = AsyncRealtimeClient(f"{server.url}/realtime/v1", server.token)
        self.channel = self.client.channel("x").on_postgres_changes(
            callback=lambda change: self.told.put_nowait(change["data"]), **binding)

    async def __aenter__(self) -> Client:
        await self.channel.subscribe(lambda state, error: self.told.put_nowait((state, error)))
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.client.close()

    async def next(self) -> Any:
        return await asyncio.wait_for(self.told.get(), 10)


def test_rows_with_selected_columns(server: Server, job: Job) -> None:
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
        tendril = Tendril(api)
        async with Client(server, event="*", table=JOBS, filter=f"assigned_worker_id=eq.{tendril.id}") as client:
            assert await client.next() == (SUBSCRIBED, None)
            queued = await asyncio.to_thread(tendril.queue)
            made = await client.next()
            assert (made["type"], made["record"]["id"], made["record"]["status"]) == ("INSERT", queued, "QUEUED")
            await asyncio.to_thread(tendril.claim)
            changed = await client.next()
            assert (changed["type"], changed["old_record"]) == ("UPDATE", {"id": queued})

    asyncio.run(play())


def test_wrong_filter_is_an_error_of_the_channel(server: Server) -> None:
    async def play() -> None:
        async with Client(server, event="INSERT", table="provision_job_logs") as client:
            assert (await client.next())[0] == SUBSCRIBED
            state, error = await client.next()
            assert state == ERROR and "job_id=eq.ID" in str(error)

    asyncio.run(play())


def test_client_joins_again_after_a_system_error(server: Server) -> None:
    """It does so by itself after a second, under the same topic. The server says such an error also where its database
    is away for a moment, so that must lead to a channel; it must not tell the new one that the old one is closed."""
    async def play() -> None:
        async with Client(server, event="INSERT", table="provision_job_logs") as client:
            assert [(await client.next())[0] for _ in range(4)] == [SUBSCRIBED, ERROR, SUBSCRIBED, ERROR]

    asyncio.run(play())


@pytest.mark.slow
def test_client_lives_through_a_restart(make_server: Callable[..., Server]) -> None:
    """The control plane is asked to end, and started again: the client hears so, comes back, and misses nothing."""
    server = make_server("--tendrils", "0")
    tendril = Tendril(Api(server))
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
            tendril.connection.close()
            await asyncio.to_thread(job.append, "after\n")
            assert [(await client.next())["record"]["log_chunk"] for _ in range(2)] == ["before\n", "after\n"]

    asyncio.run(play())


def test_leaving_and_joining_again(server: Server, job: Job) -> None:
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
            assert client.told.empty()

    asyncio.run(play())
