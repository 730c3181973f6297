"""A script that uses only PyPI's `realtime` client receives every chunk of a running job, in order, each once after
dropping `seq` up to the last seen, despite three connection resets and one `kill -9` of the server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from harness import ROOT, Api, FaultProxy, Server, SimulatedTendril

LINES = 400
SCRIPT = ROOT / "examples" / "follow.py"

# Prints for some 25 seconds.
MAIN = """
resource "terraform_data" "rows" {
  provisioner "local-exec" {
    interpreter = ["bash", "-c"]
    command     = "for ((i = 1; i <= LINES; i++)); do echo row-$i-$((i * i)); sleep 0.06; done"
  }
}
""".replace("LINES", str(LINES))


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    proxy = FaultProxy()
    yield proxy
    proxy.stop()


class Follower:
    """PyPI's client in this process: it keeps everything it receives, and can cut its own connection."""

    def __init__(self, server: Server, job: str) -> None:
        self.rows: list[dict[str, Any]] = []
        self.states: list[RealtimeSubscribeStates] = []
        self.systems: list[str] = []
        self.client = AsyncRealtimeClient(f"{server.url}/realtime/v1", server.token)
        self.channel = self.client.channel(f"job:{job}").on_postgres_changes(
            "INSERT", lambda change: self.rows.append(change["data"]["record"]), table="provision_job_logs",
            filter=f"job_id=eq.{job},seq=gt.0").on_system(lambda payload: self.systems.append(payload.message))

    async def start(self) -> None:
        await self.channel.subscribe(lambda state, error: self.states.append(state))

    def cut(self) -> None:
        """Ends the TCP connection without a close frame."""
        assert self.client._ws_connection
        self.client._ws_connection.transport.abort()

    def kept(self) -> list[dict[str, Any]]:
        """After dropping `seq` up to the last seen."""
        rows: list[dict[str, Any]] = []
        for row in self.rows:
            if not rows or row["seq"] > rows[-1]["seq"]:
                rows.append(row)
        return rows

    @property
    def subscriptions(self) -> int:
        return self.states.count(RealtimeSubscribeStates.SUBSCRIBED)


async def until(what: str, is_true: Callable[[], Any], limit: float = 30) -> None:
    deadline = time.monotonic() + limit
    while not is_true():
        assert time.monotonic() < deadline, f"waited {limit} s for {what}"
        await asyncio.sleep(0.02)


async def until_printed(out: Path, number: int) -> None:
    await until(f"row {number} in the script's output", lambda: f"row-{number}-{number * number}\n" in out.read_text())


@pytest.mark.slow
def test_three_cuts_and_a_kill(
    make_server: Callable[..., Server], proxy: FaultProxy, tmp_path: Path
) -> None:
    """Two followers of one job: the unchanged example, behind a proxy that cuts, and a client that cuts itself."""
    server = make_server("--tendrils", "1", "--behind-proxy", proxy.url)
    proxy.targets = [(server.host, server.port)]
    api = Api(server)
    job = api.deploy(api.vine(MAIN)["id"])["id"]

    out, err = tmp_path / "out", tmp_path / "err"
    script = subprocess.Popen(
        [sys.executable, str(SCRIPT), job], stdout=out.open("w"), stderr=err.open("w"),
        env={**os.environ, "VINTNER_URL": proxy.url, "VINTNER_TOKEN": server.token})
    try:
        follower = asyncio.run(play(server, api, proxy, job, out))
        assert script.wait(30) == 0, err.read_text()
    finally:
        if script.poll() is None:
            script.kill()

    stored = api.rows(job)
    assert [row["seq"] for row in stored] == list(range(1, len(stored) + 1))
    text = "".join(row["log_chunk"] for row in stored)
    assert all(f"row-{i}-{i * i}\n" in text for i in range(1, LINES + 1)), "the job did not print all lines"
    assert len(stored) > 100, "the log is too short for a running job"
    # The example has every chunk once, in order. The client has every row.
    assert out.read_text() == text
    assert follower.kept() == stored
    assert len(follower.rows) > len(stored), "no row came twice: the connection was not cut"


async def play(server: Server, api: Api, proxy: FaultProxy, job: str, out: Path) -> Follower:
    """Follows the job to its end, and injects all faults while lines arrive."""
    follower = Follower(server, job)
    await follower.start()
    for number in range(1, 4):
        await until_printed(out, number * 50)
        await until("the client to be joined", lambda: follower.subscriptions == number)
        assert proxy.cut(websockets_only=True) == 1, "the script had no connection to cut"
        follower.cut()
    await until_printed(out, 200)
    await until("the client to be joined", lambda: follower.subscriptions == 4)
    killed = server.trellis()
    assert killed
    os.kill(killed, signal.SIGKILL)
    await until("another control plane", lambda: server.trellis() not in (None, killed))
    await until("the client to be joined", lambda: follower.subscriptions == 5)
    record = await asyncio.to_thread(api.get, f"/api/jobs/{job}")
    assert record["status"] == "PROCESSING", "the job ended before all faults"
    record = await asyncio.to_thread(api.wait, job, "SUCCESS", log=True)
    assert record["log_state"] == "COMPLETE"
    rows = await asyncio.to_thread(api.rows, job)
    await until("the last row", lambda: follower.rows and follower.rows[-1]["seq"] == rows[-1]["seq"])
    assert follower.systems == ["Subscribed to PostgreSQL"] * 5
    await follower.client.close()
    return follower


def run(server: Server, job: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), job], capture_output=True, text=True, timeout=60,
        env={**os.environ, "VINTNER_URL": server.url, "VINTNER_TOKEN": server.token, **environment})


def test_example_prints_a_final_log(server: Server, tendril: SimulatedTendril, api: Api) -> None:
    job = tendril.start()
    job.append("one\n", "two\n", "\x1b[31mred\x1b[0m\n")
    job.end()
    done = run(server, job.id)
    assert (done.returncode, done.stdout) == (0, "".join(row["log_chunk"] for row in api.rows(job.id)))
    assert "one\ntwo\n\x1b[31mred\x1b[0m\n" in done.stdout


def test_example_reports_errors(server: Server) -> None:
    """It does not retry forever."""
    unknown = run(server, "00000000-0000-4000-8000-000000000000")
    assert (unknown.returncode, unknown.stdout) == (1, "") and "Job not found" in unknown.stderr
    wrong = run(server, "x", VINTNER_TOKEN="vnt_wrong")
    assert wrong.returncode == 1 and wrong.stderr.startswith("401: ")
