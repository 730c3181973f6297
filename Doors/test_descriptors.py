"""A server whose open files run out while a job runs: it refuses connections, survives, and recovers."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

from harness import Api, Server, SimulatedJob, SimulatedTendril, binary, wait_until
from harness.realtime import V2, Socket, of_job

RECOVERY = 20
# Open files that must stay free.
SPARE = 8


def limited(folder: Path, files: int) -> Server:
    """A server with a limit of `files` open files, which it can't raise."""
    script = folder / "vintner"
    script.write_text(f'#!/bin/bash\nulimit -n {files}\nexec "{binary()}" "$@"\n')
    script.chmod(0o755)
    return Server(folder / "data", "--tendrils", "0", program=script)


def used(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def is_ready(server: Server) -> bool:
    try:
        return requests.get(f"{server.url}/readyz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def attempt(server: Server, job: SimulatedJob, stop: threading.Event) -> None:
    """Sends requests of users, each on a new connection; failures are expected."""
    headers = {"Authorization": f"Bearer {server.token}"}
    paths = [f"/api/jobs/{job.id}/logs/lines?tail=1", f"/api/jobs/{job.id}/logs/search?q=line", "/dashboard/jobs",
             f"/api/jobs/{job.id}/logs?format=text", "/api/vines", "/assets/app.css", f"/api/jobs/{job.id}"]
    turn = 0
    while not stop.is_set():
        turn += 1
        try:
            requests.get(server.url + paths[turn % len(paths)], headers=headers, timeout=2)
        except requests.RequestException:
            pass


def follow(server: Server, job: SimulatedJob, stop: threading.Event) -> None:
    """Opens followers of both kinds, and closes them again."""
    while not stop.is_set():
        kept: list[socket.socket] = []
        try:
            client = Socket(server.url, server.token, version=V2)
            join = {"config": {"postgres_changes": [of_job(job.id, "seq=gt.0")]}}
            client.connection.send(json.dumps(["1", "1", "realtime:x", "phx_join", join]))
            for _ in range(4):
                one = socket.create_connection((server.host, server.port), timeout=2)
                one.sendall((f"GET /api/jobs/{job.id}/logs/stream HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
                             f"Authorization: Bearer {server.token}\r\n\r\n").encode())
                kept.append(one)
            client.connection.recv(timeout=1)
            client.connection.close()
        except Exception:  # noqa: BLE001 (whatever the refusal looks like to these clients)
            pass
        finally:
            for one in kept:
                one.close()


def crowd(server: Server, files: int, stop: threading.Event, held: list[socket.socket]) -> None:
    """Holds as many connections as possible, and always opens more."""
    while not stop.is_set():
        try:
            one = socket.create_connection((server.host, server.port), timeout=2)
            one.sendall(b"GET /heal")
            held.append(one)
        except OSError:
            pass
        while len(held) > 2 * files:
            held.pop(0).close()


@pytest.mark.parametrize("files", [128, 200, 256])
def test_a_job_outlives_a_crowd(tmp_path: Path, files: int) -> None:
    server = limited(tmp_path, files)
    stop = threading.Event()
    held: list[socket.socket] = []
    try:
        job = SimulatedTendril(Api(server)).start()
        job.append("line 0\n")
        pid = server.trellis()
        assert pid is not None
        threads = [threading.Thread(target=attempt, args=(server, job, stop), daemon=True) for _ in range(6)]
        threads += [threading.Thread(target=follow, args=(server, job, stop), daemon=True) for _ in range(4)]
        threads += [threading.Thread(target=crowd, args=(server, files, stop, held), daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        appended = most = 0
        begin = time.monotonic()
        # libdispatch opens files every second, and ends the process if it can't.
        while time.monotonic() < begin + 8:
            # The Tendril's connection is older than the crowd.
            appended += 1
            job.append(f"line {appended}\n")
            assert server.trellis() == pid, "the server crashed"
            most = max(most, used(pid))
        assert appended > 20 and files // 2 < most <= files - SPARE, f"{most} of {files} descriptors were used"
        stop.set()
        for thread in threads:
            thread.join(30)
        for one in held:
            one.close()
        wait_until(lambda: is_ready(server), "the server has recovered", RECOVERY)
        assert server.trellis() == pid, "the server crashed"
        text = "".join(row["log_chunk"] for row in Api(server).rows(job.id) if row["stream_type"] == "STDOUT")
        assert text == "".join(f"line {n}\n" for n in range(appended + 1))
        job.end()
    finally:
        stop.set()
        for one in held:
            one.close()
        server.stop()


def test_too_few_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="open files"):
        limited(tmp_path, 64).stop()
