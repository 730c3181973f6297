"""Expensive or malformed requests do not slow other clients: `/healthz` always responds within 250 ms."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Callable

import pytest
import requests

from harness import Api, Server, SimulatedJob, SimulatedTendril, binary
from harness.realtime import V2, Socket
from health import Health

ATTACKERS = 8


def at_once(count: int, body: Callable[[int], None]) -> None:
    """Runs `body` in this many threads and waits for all of them."""
    threads = [threading.Thread(target=body, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "an attack did not end"


def headers(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}


def raw(server: Server, text: str) -> socket.socket:
    connection = socket.create_connection((server.host, server.port), timeout=10)
    connection.sendall(text.replace("HOST", f"{server.host}:{server.port}").encode())
    return connection


def nested(depth: int, width: int) -> str:
    return ",".join(["[" * depth + "1.5" + "]" * depth] * width)


def test_deeply_nested_documents(server: Server, api: Api) -> None:
    def attack(index: int) -> None:
        # The maximum depth, and more, each about 60 KB.
        for depth in (60, 200):
            body = ('{"project_name":"deep-%d-%d","environment_stage":"x","variables":{"v":[%s]},'
                    '"source":{"type":"inline","files":{"main.tf":"terraform {}"}}}'
                    % (index, depth, nested(depth, 60_000 // (2 * depth))))
            response = requests.post(
                f"{server.url}/api/vines", data=body, headers=headers(server), timeout=60)
            assert response.status_code == (201 if depth == 60 else 400), response.text[:300]
        requests.get(f"{server.url}/api/vines", headers=headers(server), timeout=60)

    with Health(server.host, server.port, keep=True) as health:
        at_once(4, attack)
    health.check()


def test_deeply_nested_realtime_messages(server: Server) -> None:
    client = Socket(server.url, server.token, version=V2)
    try:
        with Health(server.host, server.port, keep=True) as health:
            for _ in range(20):
                client.connection.send('["1","1","realtime:x","phx_join",{"a":[%s]}]' % nested(200, 150))
            client.connection.send('[null,"last","phoenix","heartbeat",{}]')
            deadline = time.monotonic() + 30
            while json.loads(client.connection.recv(timeout=30))[1] != "last":
                assert time.monotonic() < deadline
        health.check()
    finally:
        client.connection.close()


def test_status_with_large_documents(server: Server, api: Api) -> None:
    vine = api.vine(variables={f"v{n}": {"a": [n, str(n), None, True, 0.5]} for n in range(14_000)})
    job = api.job("PLAN", vine["id"])["id"]
    with Health(server.host, server.port, keep=True) as health:
        slowest = 0.0
        for _ in range(50):
            begin = time.monotonic()
            api.get(f"/api/jobs/{job}/status")
            slowest = max(slowest, time.monotonic() - begin)
    health.check()
    assert slowest < 0.25, f"a status took {slowest * 1000:.0f} ms"
    api.post(f"/api/jobs/{job}/cancel")


def test_expensive_regular_expressions(server: Server, job: SimulatedJob) -> None:
    line = "a" * 4000 + "!\n"
    for _ in range(20):
        job.append(line * 15)
    expressions = ["(a+)+$", "(a|aa)+$", "a[^b]*b", "(.*)*x", "(a*)*b", "^(a?){40}a{40}x", "(?:a.*){9}x", "(a+a+)+y"]

    def attack(index: int) -> None:
        requests.get(
            f"{server.url}/api/jobs/{job.id}/logs/search", headers=headers(server), timeout=60,
            params={"q": expressions[index], "regex": 1})

    with Health(server.host, server.port, keep=True) as health:
        at_once(ATTACKERS, attack)
    health.check()


def test_expensive_filters(server: Server, job: SimulatedJob) -> None:
    pattern = "a%" * 120 + "b"
    clients = []
    for _ in range(4):
        client = Socket(server.url, server.token, version=V2)
        clients.append(client)
        bindings = [
            {"event": "INSERT", "schema": "public", "table": "provision_job_logs",
             "filter": f"job_id=eq.{job.id},log_chunk=like.{pattern}{n}"} for n in range(16)]
        client.connection.send(json.dumps(
            ["1", "1", "realtime:filters", "phx_join", {"config": {"postgres_changes": bindings}}]))
    # A pattern of 90 KB is refused or costs nothing. Either way, no one waits for it.
    clients[0].connection.send(json.dumps(["2", "2", "realtime:large", "phx_join", {"config": {
        "postgres_changes": [{
            "event": "INSERT", "schema": "public", "table": "provision_job_logs",
            "filter": f"job_id=eq.{job.id},log_chunk=like.{'a%' * 45_000}b"}]}}]))
    try:
        with Health(server.host, server.port, keep=True) as health:
            for _ in range(10):
                job.append("a" * 65_000 + "\n")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                time.sleep(0.05)
        health.check()
    finally:
        for client in clients:
            client.connection.close()


def test_incomplete_appends_block_no_one(server: Server, api: Api, job: SimulatedJob) -> None:
    other = SimulatedTendril(api)
    held = []
    for identity in ((other.id, other.token), (job.tendril.id, job.tendril.token)):
        for _ in range(4):
            held.append(raw(server, (
                f"POST /api/jobs/{job.id}/logs HTTP/1.1\r\nHost: HOST\r\nX-Worker-ID: {identity[0]}\r\n"
                f"X-Worker-Token: {identity[1]}\r\nContent-Length: 1000\r\n\r\n{{")))
    try:
        with Health(server.host, server.port, keep=True) as health:
            for n in range(20):
                job.append(f"line {n}\n")
        health.check()
    finally:
        for connection in held:
            connection.close()


def test_idle_and_slow_connections(server: Server) -> None:
    held = []
    for n in range(200):
        held.append(raw(server, [
            "", "GET /heal", "POST /sign-in HTTP/1.1\r\nHost: HOST\r\nContent-Length: 50\r\n\r\n{",
            "POST /sign-in HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"][n % 4]))
    try:
        with Health(server.host, server.port, keep=False) as health:
            # After 20 s without a body, the server responds with 408.
            held[2].settimeout(30)
            assert held[2].recv(4096).startswith(b"HTTP/1.1 408 ")
        health.check()
    finally:
        for connection in held:
            connection.close()


@pytest.mark.parametrize("files", [128])
def test_recovers_after_running_out_of_file_descriptors(tmp_path: Path, files: int) -> None:
    # A shell lowers the limit for the server only.
    script = tmp_path / "vintner"
    script.write_text(f'#!/bin/bash\nulimit -n {files}\nexec "{binary()}" "$@"\n')
    script.chmod(0o755)
    server = Server(tmp_path / "data", "--tendrils", "0", program=script)
    held: list[socket.socket] = []
    try:
        pid = server.trellis()
        refused = 0
        with Health(server.host, server.port, keep=True) as health:
            while not health.times:
                time.sleep(0.01)
            for _ in range(3 * files):
                try:
                    held.append(raw(server, "GET /assets/app.css HTTP/1.1\r\nHost: HOST\r\n\r\n"))
                except OSError:
                    continue
            for connection in held:
                connection.settimeout(0.2)
                try:
                    response = connection.recv(65536)
                except OSError:
                    continue
                refused += response.startswith(b"HTTP/1.1 503 ")
                if response.startswith(b"HTTP/1.1 200 "):
                    head, _, body = response.partition(b"\r\n\r\n")
                    assert body, "an asset came without its bytes"
        health.check()
        assert refused > 0, "no client got a 503"
        for connection in held:
            connection.close()
        held = []
        # The server recovers directly, in the same process.
        assert Api(server, patience=10).call("GET", "/healthz").status_code == 200
        assert server.trellis() == pid, "the server crashed"
    finally:
        for connection in held:
            connection.close()
        server.stop()
