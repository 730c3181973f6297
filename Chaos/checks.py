"""The proof, from the outside: what stands in Trellis is what the engine wrote, and nothing is left over."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path
from typing import Any

from world import SECRET, World

STREAMS = ("stdout", "stderr", "system")


class Links:
    """Holds on to the capture of every job by hard links: its bytes outlive what the Tendril makes of the files."""

    def __init__(self, world: World) -> None:
        self.jobs = world.work / "jobs"
        # A hard link stays on its disk.
        self.kept = (world.disk or world.truth) / "capture"
        self.kept.mkdir()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self) -> None:
        while not self.over.wait(0.01):
            for folder in self.jobs.glob("*"):
                for stream in STREAMS:
                    link = self.kept / f"{folder.name}.{stream}"
                    try:
                        # A claim that was lost before its start begins anew, with new files.
                        if not link.exists() or not link.samefile(folder / stream):
                            link.unlink(missing_ok=True)
                            os.link(folder / stream, link)
                    except OSError:
                        pass

    def stop(self) -> None:
        self.over.set()
        self.thread.join(5)

    def text(self, job: str, stream: str) -> str:
        text = (self.kept / f"{job}.{stream}").read_bytes().decode("utf-8", errors="replace")
        return sealed_lines(text) if stream == "system" else text


def sealed_lines(text: str) -> str:
    """The Tendril's own lines, without what authenticates them: `NUMBER TIME MAC TEXT`, the text escaped."""
    texts = [line.split(" ", 3)[3] for line in text.split("\n") if line.count(" ") >= 3]
    return "".join(re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], one) + "\n" for one in texts)


def rows_of(world: World, job: str) -> list[Any]:
    rows: list[Any] = []
    while page := world.get(f"/api/jobs/{job}/logs?limit=10000&after={rows[-1]['seq'] if rows else 0}")["chunks"]:
        rows += page
    return rows


def check_log(world: World, links: Links, job: str) -> int:
    """Every byte once, in order, within its stream; numbers without holes. Answers the number of lines."""
    rows = rows_of(world, job)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1)), "seq has holes"
    line = 1
    for row in rows:
        assert row["first_line"] == line, f"line {row['first_line']} follows line {line - 1}"
        line += row["line_count"]
    for stream in STREAMS:
        stored = "".join(row["log_chunk"] for row in rows if row["stream_type"] == stream.upper() and row["epoch"] > 0)
        written = masked(links.text(job, stream))
        assert stored == written, f"{stream} differs: {difference(stored, written)}"
    return line - 1


def masked(text: str) -> str:
    """What may be seen of `text`; of an end that may be the beginning of the secret nothing is."""
    text = text.replace(SECRET, "(sensitive)")
    for length in range(len(SECRET) - 1, 5, -1):
        if text.endswith(SECRET[:length]):
            return text[:-length] + "(sensitive)"
    return text


def check_spoken(world: World, job: str, is_whole: bool, is_lossy: bool = False) -> None:
    """What the provisioner printed stands in the log: all of it after a success, else all up to some line.

    Where the engine's own writes failed (`is_lossy`) nobody can say which lines there are."""
    begun = (world.truth / "begun").read_text().split() if (world.truth / "begun").exists() else []
    assert len(begun) <= 1, f"the provisioner ran {len(begun)} times"
    if is_lossy:
        return
    spoken = [int(word) for word in (world.truth / "spoken").read_text().split()] if (
        world.truth / "spoken").exists() else []
    rows = rows_of(world, job)
    for stream in ("STDOUT", "STDERR"):
        text = "".join(row["log_chunk"] for row in rows if row["stream_type"] == stream and row["epoch"] > 0)
        if stream == "STDOUT":
            # Terraform itself cuts a line that comes to it in two pieces, and begins each with the resource's name.
            text = "".join(re.findall(r"\(local-exec\):\x1b\[0m \x1b\[0m(.*)", text))
        word = "out" if stream == "STDOUT" else "err"
        seen = [int(number) for number in re.findall(rf"{word} (\d+)", text)]
        # A number is written down before its line. What went through Terraform may have died with it; what went
        # straight into the capture may not.
        whole = is_whole or stream == "STDERR" and len(seen) != len(spoken) - 1
        wanted = spoken if whole else spoken[:len(seen)]
        assert seen == wanted, f"{stream} has {len(seen)} of {len(spoken)} numbered lines: {seen[-3:]}"


def check_state(world: World, vine: str, names: set[str] | None) -> None:
    """The newest state holds these resources (None: whatever was written), and nobody holds the lock."""
    answer = world.call("GET", f"/api/vines/{vine}/state")
    found = {resource["name"] for resource in answer.json()["resources"]} if answer.text else set()
    assert names is None or found == names, f"the state has {sorted(found)}, not {sorted(names)}"
    lock = world.get(f"/api/vines/{vine}").get("lock")
    assert lock is None, f"the vine is locked: {lock}"


def check_processes(world: World, limit: float = 5) -> None:
    """Of the job nothing runs any more; only Trellis and the Tendril do."""
    own = {part.process.pid for part in (world.trellis, world.tendril) if part.process}
    deadline = time.monotonic() + limit
    while left := {pid: words for pid, words in world.processes().items() if pid not in own}:
        assert time.monotonic() < deadline, f"left over: {left}"
        time.sleep(0.05)


def check_folders(world: World, limit: float = 10) -> None:
    """The Tendril has forgotten the job: neither its folder nor anything kept is left."""
    deadline = time.monotonic() + limit
    while left := [str(path) for name in ("jobs", "kept") for path in (world.work / name).glob("*")]:
        assert time.monotonic() < deadline, f"left in the Tendril's folder: {left}"
        time.sleep(0.05)


def check_secret_files(world: World) -> None:
    """The sensitive value stands in no file but where the engine itself works."""
    needle = SECRET.encode()
    for path in world.folder.rglob("*"):
        parts = path.relative_to(world.folder).parts
        if path.is_file() and parts[0] not in {"vines", "truth"}:
            assert needle not in path.read_bytes(), f"the secret stands in {path}"


def check_secret_answers(world: World, job: str) -> None:
    for path in (
        "/api/jobs", "/api/vines", f"/api/jobs/{job}", f"/api/jobs/{job}/logs", f"/api/jobs/{job}/logs/lines",
        f"/dashboard/jobs/{job}",
    ):
        assert SECRET not in world.call("GET", path).text, f"the secret stands in {path}"


def difference(stored: str, written: str) -> str:
    shared = len(os.path.commonprefix([stored, written]))
    return (f"{len(stored)} characters stored, {len(written)} written; from character {shared} on "
            f"{stored[shared:shared + 60]!r} instead of {written[shared:shared + 60]!r}")


def check_lock_and_break_it(world: World, vine: str) -> None:
    """A lock that nobody gives back any more stands, keeps others out, and is broken in so many words."""
    record = world.get(f"/api/vines/{vine}")
    assert record["lock"], "the lock of a job that was lost is gone"
    waiting = world.post("/api/jobs", {"job_type": "PLAN", "vine_id": vine})["id"]
    assert "state lock" in world.get(f"/api/jobs/{waiting}")["waiting_for"]["message"]
    body = {"lock_id": record["lock"]["id"], "confirm": record["project_name"]}
    assert world.call("POST", f"/api/vines/{vine}/break-lock", {**body, "confirm": "yes"}).status_code == 400
    assert world.call("POST", f"/api/vines/{vine}/break-lock", body).status_code == 200
    planned = world.finished(waiting, 60)
    assert planned["status"] == "SUCCESS", planned
