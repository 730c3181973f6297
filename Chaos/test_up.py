"""`vintner up` is killed and started again, in the middle of an apply: no part is left over, none is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parent))

from world import ROOT, frozen_binary, free_port, parent_of

MAIN = """
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "for i in $(seq 1 40); do echo line $i; sleep 0.1; done" }
}
"""


class Up:
    """`vintner up` in a folder, and the admin's calls."""

    def __init__(self, data: Path, binary: Path) -> None:
        self.data, self.port = data, free_port()
        self.command = [str(binary), "up", "--data", str(data), "--port", str(self.port), "--tendrils", "1"]
        self.start()

    def start(self) -> None:
        environment = dict(os.environ, PATH=f"{os.environ['PATH']}:{ROOT}/.tools/bin")
        with (self.data.parent / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)

    def call(self, method: str, path: str, body: object = None) -> dict:
        deadline = time.monotonic() + 60
        while True:
            try:
                token = (self.data / "admin.token").read_text().strip()
                answer = requests.request(
                    method, f"http://127.0.0.1:{self.port}{path}", json=body, timeout=10,
                    headers={"Authorization": f"Bearer {token}"})
                if answer.status_code < 500:
                    assert answer.ok, answer.text
                    return answer.json()
            except (OSError, requests.RequestException):
                pass
            assert time.monotonic() < deadline, f"{method} {path} was never answered"
            time.sleep(0.05)

    def ended(self, job: str) -> dict:
        deadline = time.monotonic() + 90
        while (record := self.call("GET", f"/api/jobs/{job}"))["log_state"] == "OPEN":
            assert time.monotonic() < deadline, record
            time.sleep(0.1)
        return record

    def parts(self) -> list[str]:
        """The names of this program's processes here: up, trellis, tendril, supervise."""
        names = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
            except OSError:
                continue
            if len(words) > 1 and any(str(self.data) in word for word in words) and "vintner" in words[0]:
                names.append(words[1])
        return sorted(names)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.mark.parametrize("whole", [False, True], ids=["up alone", "all its parts"])
def test_up_is_killed_and_started_again(whole: bool, tmp_path: Path) -> None:
    up = Up(tmp_path / "data", frozen_binary(tmp_path / "bin"))
    try:
        vine = up.call("POST", "/api/vines", {
            "project_name": "up", "environment_stage": "test",
            "source": {"type": "inline", "files": {"main.tf": MAIN}}})["id"]
        plan = up.call("POST", "/api/jobs", {"job_type": "PLAN", "vine_id": vine})["id"]
        assert up.ended(plan)["status"] == "SUCCESS"
        job = up.call("POST", f"/api/jobs/{plan}/apply", {})["id"]
        deadline = time.monotonic() + 60
        while not any("line 3" in row["log_chunk"] for row in up.call("GET", f"/api/jobs/{job}/logs")["chunks"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if
                    parent_of(pid) == up.process.pid]
        up.process.kill()
        up.process.wait(10)
        if whole:
            for pid in children:
                os.kill(pid, signal.SIGKILL)
        up.start()
        record = up.ended(job)
        assert (record["status"], record["log_state"]) == ("SUCCESS", "COMPLETE"), record
        rows = up.call("GET", f"/api/jobs/{job}/logs?limit=10000")["chunks"]
        text = "".join(row["log_chunk"] for row in rows if row["stream_type"] == "STDOUT")
        assert [line.rsplit(" ", 1)[1] for line in text.split("\n") if "mline " in line] == [
            str(number) for number in range(1, 41)], text
        deadline = time.monotonic() + 20
        while (parts := up.parts()) != ["tendril", "trellis", "up"]:
            assert time.monotonic() < deadline, parts
            time.sleep(0.05)
    finally:
        up.stop()
    assert up.parts() == []
