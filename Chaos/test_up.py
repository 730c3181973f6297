"""`vintner up` is killed in the middle of an apply and started again: its child processes continue or are replaced."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from harness import Api, Server, frozen_binary, wait_until
from harness.program import children_of, processes_of
from system import free_port

MAIN = """
resource "terraform_data" "slow" {
  provisioner "local-exec" { command = "for i in $(seq 1 40); do echo line $i; sleep 0.1; done" }
}
"""


def parts_of(server: Server) -> list[str]:
    """The names of the program's processes: up, trellis, tendril, supervise."""
    return sorted(words[1] for words in processes_of(server.data).values() if len(words) > 1 and "vintner" in words[0])


@pytest.mark.parametrize("with_children", [False, True], ids=["up alone", "with its child processes"])
def test_up_is_killed_and_started_again(with_children: bool, tmp_path: Path) -> None:
    with Server(tmp_path / "data", "--tendrils", "1", program=frozen_binary(tmp_path / "bin"), port=free_port()) as server:
        api = Api(server, patience=60)
        job = api.deploy(api.vine(MAIN)["id"])["id"]
        wait_until(lambda: any("line 3" in row["log_chunk"] for row in api.rows(job)), "the third line", 60)
        children = children_of(server.process.pid)
        server.process.kill()
        if with_children:
            for pid in children:
                os.kill(pid, signal.SIGKILL)
        server.start()
        record = api.wait(job, log=True)
        assert (record["status"], record["log_state"]) == ("SUCCESS", "COMPLETE"), record
        text = "".join(row["log_chunk"] for row in api.rows(job) if row["stream_type"] == "STDOUT")
        assert [line.rsplit(" ", 1)[1] for line in text.split("\n") if "mline " in line] == [
            str(number) for number in range(1, 41)], text
        wait_until(lambda: parts_of(server) == ["tendril", "trellis", "up"], lambda: str(parts_of(server)), 20)
    assert parts_of(server) == []
