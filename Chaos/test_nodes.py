"""Two nodes behind haproxy, one PostgreSQL database, a real apply, and followers at both nodes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import checks
import pytest
import requests
from balanced import BalancedSystem
from harness import frozen_binary, wait_until
from harness.realtime import V2, of_job
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

#: As many as run beside other tests; `FOLLOWERS=1000` and a longer apply by hand.
FOLLOWERS = int(os.environ.get("FOLLOWERS", "100"))
SECONDS = float(os.environ.get("SECONDS_OF_APPLY", "12"))
LIMIT = 120 + SECONDS


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return frozen_binary(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def system(program: Path, tmp_path: Path) -> Iterator[BalancedSystem]:
    system = BalancedSystem(tmp_path / "system", program)
    try:
        yield system
    finally:
        system.close()


class Follower:
    """A Supabase client that follows a log through the load balancer, and reads on after each break."""

    def __init__(self, url: str, token: str, job: str) -> None:
        self.url = f"{url.replace('http', 'ws', 1)}/realtime/v1/websocket?apikey={token}&vsn={V2}"
        self.job = job
        self.rows: list[dict[str, Any]] = []
        self.closes: list[int | None] = []

    @property
    def last(self) -> int:
        return self.rows[-1]["seq"] if self.rows else 0

    async def run(self) -> None:
        while True:
            try:
                async with connect(self.url, compression=None, max_size=None, open_timeout=20, proxy=None) as socket:
                    await self.read(socket)
            except (OSError, TimeoutError, WebSocketException) as error:
                received = getattr(error, "rcvd", None)
                self.closes.append(received.code if received else None)
            await asyncio.sleep(0.2)

    async def read(self, socket: Any) -> None:
        # The server gives only this topic to this connection.
        join = {"config": {"postgres_changes": [of_job(self.job, f"seq=gt.{self.last}")]}}
        await socket.send(json.dumps(["1", "1", "realtime:log", "phx_join", join]))
        beat = asyncio.create_task(self.beat(socket))
        try:
            async for text in socket:
                _, _, _, event, payload = json.loads(text)
                if event == "postgres_changes":
                    self.rows.append(payload["data"]["record"])
                elif event == "system" and payload["status"] == "error":
                    return
        finally:
            beat.cancel()

    async def beat(self, socket: Any) -> None:
        while True:
            await asyncio.sleep(5)
            await socket.send(json.dumps([None, "0", "phoenix", "heartbeat", {}]))


class Audience:
    """Followers on a thread of their own."""

    def __init__(self, system: BalancedSystem, job: str, count: int) -> None:
        token = (system.data / "admin.token").read_text().strip()
        self.followers = [Follower(system.proxy.url, token, job) for _ in range(count)]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        for follower in self.followers:
            asyncio.run_coroutine_threadsafe(follower.run(), self.loop)

    def wait(self, seq: int, unless: Callable[[], bool] = lambda: False, limit: float = LIMIT) -> None:
        """Waits until everybody has the log up to this row. `unless`: the log may have ended before it."""
        def late() -> list[int]:
            return [follower.last for follower in self.followers if follower.last < seq]

        wait_until(lambda: not late() or unless(),
                   lambda: f"row {seq}: {len(late())} have less: {sorted(late())[:10]}", limit, 0.2)

    def stop(self) -> None:
        async def cancel() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=20)

        asyncio.run_coroutine_threadsafe(cancel(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


def start_apply(system: BalancedSystem, seconds: float) -> tuple[str, str]:
    """Returns the vine and the DEPLOY, whose provisioner has begun to print."""
    vine = system.vine(1, seconds)
    plan = system.api.job("PLAN", vine)["id"]
    planned = system.finished(plan, LIMIT)
    assert (planned["status"], planned["log_state"]) == ("SUCCESS", "COMPLETE"), planned
    job = system.job = system.api.post(f"/api/jobs/{plan}/apply", {})["id"]
    wait_until((system.records / "starts").exists, "the apply has started", LIMIT, pause=0.02)
    return vine, job


def expect_all(system: BalancedSystem, audience: Audience, job: str) -> int:
    """The job is a success with a complete log, and every follower has every row once, in order."""
    record = system.finished(job, LIMIT)
    assert (record["status"], record["log_state"]) == ("SUCCESS", "COMPLETE"), record
    rows = system.api.rows(job)
    audience.wait(rows[-1]["seq"])
    wanted = [(row["seq"], row["stream_type"], row["log_chunk"]) for row in rows]
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    for follower in audience.followers:
        seen = [(row["seq"], row["stream_type"], row["log_chunk"]) for row in follower.rows]
        assert seen == wanted, f"{len(seen)} rows instead of {len(wanted)}"
    checks.check_printed(system, job, True, False)
    return len(rows)


def test_followers_miss_nothing_while_a_node_and_the_database_are_killed(system: BalancedSystem) -> None:
    vine, job = start_apply(system, SECONDS)
    audience = Audience(system, job, FOLLOWERS)
    try:
        audience.wait(10)
        spread = [system.connections(node) for node in ("one", "two")]
        assert min(spread) > FOLLOWERS / 4, f"the followers are not spread over both nodes: {spread}"
        system.trellis.kill()
        killed = max(follower.last for follower in audience.followers)
        # On a slow machine, the apply may be over by now.
        audience.wait(killed + 10, lambda: system.api.get(f"/api/jobs/{job}")["log_state"] != "OPEN")
        assert system.postgres
        system.postgres.kill()
        time.sleep(0.5)
        system.postgres.start()
        began = time.monotonic()
        rows = expect_all(system, audience, job)
        print(f"{FOLLOWERS} followers, {rows} rows each; {time.monotonic() - began:.1f} s after the database came back")
        checks.check_state(system, vine, {"first", "talker", "last"})
    finally:
        audience.stop()


def test_a_synchronous_standby_takes_over(program: Path, tmp_path: Path) -> None:
    system = BalancedSystem(tmp_path / "system", program, with_standby=True)
    try:
        vine, job = start_apply(system, SECONDS)
        audience = Audience(system, job, 10)
        try:
            audience.wait(10)
            assert system.postgres and system.standby
            system.postgres.kill()
            system.standby.promote()
            expect_all(system, audience, job)
            checks.check_state(system, vine, {"first", "talker", "last"})
        finally:
            audience.stop()
    finally:
        system.close()


def test_nodes_behind_pgbouncer_in_transaction_mode(program: Path, tmp_path: Path) -> None:
    system = BalancedSystem(tmp_path / "system", program, is_pooled=True)
    try:
        vine, job = start_apply(system, SECONDS)
        audience = Audience(system, job, 20)
        try:
            audience.wait(10)
            system.trellis.kill()
            expect_all(system, audience, job)
            checks.check_state(system, vine, {"first", "talker", "last"})
            assert system.postgres
            named = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            assert system.postgres.execute(named) == "0\n"
        finally:
            audience.stop()
    finally:
        system.close()


def test_a_node_drains_before_it_stops(program: Path, tmp_path: Path) -> None:
    """The load balancer learns first; then streams end with a code that makes clients come back, at the other node."""
    system = BalancedSystem(tmp_path / "system", program, drain=6)
    try:
        _, job = start_apply(system, SECONDS)
        audience = Audience(system, job, 20)
        try:
            audience.wait(10)
            system.trellis.signal(signal.SIGTERM)
            began = time.monotonic()
            wait_until(lambda: system.ready("one") == 503, "the node says that it stops", 10, 0.02)
            # It goes on meanwhile.
            assert requests.get(f"{system.url}/healthz", timeout=10).status_code == 200
            wait_until(lambda: not system.trellis.is_running, "its end", 30)
            assert time.monotonic() - began >= 6 and system.trellis.exit_status == 0
            expect_all(system, audience, job)
            codes = {follower.closes[0] for follower in audience.followers if follower.closes}
            assert codes == {1012}, codes
        finally:
            audience.stop()
    finally:
        system.close()
