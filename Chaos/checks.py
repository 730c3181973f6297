"""Checks from outside: Trellis has what the engine wrote, and nothing is left over."""

from __future__ import annotations

import os
import re
import threading

from harness import wait_until
from system import SECRET, TestSystem

STREAMS = ("stdout", "stderr", "system")


class CaptureLinks:
    """Keeps the captures of all jobs by hard links, so that the bytes remain after the Tendril deletes the files."""

    def __init__(self, system: TestSystem) -> None:
        self.jobs = system.work / "jobs"
        # A hard link must be on the same disk.
        self.kept = (system.disk or system.records) / "capture"
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
                        # A lease that was lost before the start is claimed again, with new files.
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
        return authenticated_lines(text) if stream == "system" else text


def authenticated_lines(text: str) -> str:
    """The texts of the Tendril's own lines, which are `NUMBER TIME MAC TEXT` with an escaped text."""
    texts = [line.split(" ", 3)[3] for line in text.split("\n") if line.count(" ") >= 3]
    return "".join(re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], one) + "\n" for one in texts)


def check_log(system: TestSystem, links: CaptureLinks, job: str) -> int:
    """Every stream has every byte once and in order, and numbers have no gaps. Returns the number of lines."""
    rows = system.api.rows(job)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1)), "seq has gaps"
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
    """The text after masking. An end that may be the start of the secret is masked as well."""
    text = text.replace(SECRET, "(sensitive)")
    for length in range(len(SECRET) - 1, 5, -1):
        if text.endswith(SECRET[:length]):
            return text[:-length] + "(sensitive)"
    return text


def check_printed(system: TestSystem, job: str, is_whole: bool, is_lossy: bool = False) -> None:
    """The log has what the provisioner printed: all of it after a success, else all lines up to some number.

    If the engine's own writes failed (`is_lossy`), the lines are unknown."""
    starts, printed = words_of(system, "starts"), [int(word) for word in words_of(system, "printed")]
    assert len(starts) <= 1, f"the provisioner ran {len(starts)} times"
    if is_lossy:
        return
    rows = system.api.rows(job)
    for stream in ("STDOUT", "STDERR"):
        text = "".join(row["log_chunk"] for row in rows if row["stream_type"] == stream and row["epoch"] > 0)
        if stream == "STDOUT":
            # Terraform prefixes each part of a line with the resource's name if the line arrives in two parts.
            text = "".join(re.findall(r"\(local-exec\):\x1b\[0m \x1b\[0m(.*)", text))
        word = "out" if stream == "STDOUT" else "err"
        seen = [int(number) for number in re.findall(rf"{word} (\d+)", text)]
        # A number is recorded before its line. Lines that pass through Terraform can be lost with it; lines that go
        # directly into the capture can't.
        whole = is_whole or stream == "STDERR" and len(seen) != len(printed) - 1
        wanted = printed if whole else printed[:len(seen)]
        assert seen == wanted, f"{stream} has {len(seen)} of {len(printed)} numbered lines: {seen[-3:]}"


def words_of(system: TestSystem, name: str) -> list[str]:
    """What the provisioner recorded in this file."""
    path = system.records / name
    return path.read_text().split() if path.exists() else []


def check_state(system: TestSystem, vine: str, names: set[str] | None) -> None:
    """The newest state has these resources (None: any), and the vine is not locked."""
    state = system.api.get(f"/api/vines/{vine}/state")
    found = {resource["name"] for resource in state["resources"]} if state else set()
    assert names is None or found == names, f"the state has {sorted(found)}, not {sorted(names)}"
    lock = system.api.get(f"/api/vines/{vine}").get("lock")
    assert lock is None, f"the vine is locked: {lock}"


def check_processes(system: TestSystem, limit: float = 5) -> None:
    """Only Trellis and the Tendril run."""
    own = {system.tendril.pid, *(node.pid for node in system.nodes)}
    wait_until(lambda: set(system.processes()) <= own, lambda: f"no other process: {system.processes()}", limit)


def check_folders(system: TestSystem, limit: float = 10) -> None:
    """The Tendril has deleted the job's folder and everything that it kept."""
    def left() -> list[str]:
        return [str(path) for name in ("jobs", "kept") for path in (system.work / name).glob("*")]

    wait_until(lambda: not left(), lambda: f"the Tendril's folder is empty: {left()}", limit)


def check_secret_files(system: TestSystem) -> None:
    """No file contains the secret, except those in the engine's working folder."""
    needle = SECRET.encode()
    for path in system.folder.rglob("*"):
        parts = path.relative_to(system.folder).parts
        if path.is_file() and parts[0] not in {"vines", "records"}:
            assert needle not in path.read_bytes(), f"{path} contains the secret"


def check_secret_responses(system: TestSystem, job: str) -> None:
    for path in (
        "/api/jobs", "/api/vines", f"/api/jobs/{job}", f"/api/jobs/{job}/logs", f"/api/jobs/{job}/logs/lines",
        f"/dashboard/jobs/{job}",
    ):
        assert SECRET not in system.api.call("GET", path).text, f"{path} contains the secret"


def difference(stored: str, written: str) -> str:
    shared = len(os.path.commonprefix([stored, written]))
    return (f"{len(stored)} characters stored, {len(written)} written; from character {shared}: "
            f"{stored[shared:shared + 60]!r} instead of {written[shared:shared + 60]!r}")


def check_lock_and_break_it(system: TestSystem, vine: str) -> None:
    """The lock of a lost job stays, blocks other jobs, and can be broken after a confirmation."""
    record = system.api.get(f"/api/vines/{vine}")
    assert record["lock"], "the lock of a lost job is gone"
    waiting = system.api.job("PLAN", vine)["id"]
    assert "state lock" in system.api.get(f"/api/jobs/{waiting}")["waiting_for"]["message"]
    body = {"lock_id": record["lock"]["id"], "confirm": record["project_name"]}
    refused = system.api.call("POST", f"/api/vines/{vine}/break-lock", {**body, "confirm": "yes"}, ok=False)
    assert refused.status_code == 400
    system.api.post(f"/api/vines/{vine}/break-lock", body)
    planned = system.finished(waiting, 60)
    assert planned["status"] == "SUCCESS", planned
