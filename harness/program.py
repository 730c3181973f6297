"""The program under test, and its processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def binary(build: str = "debug") -> Path:
    """The executable: `VINTNER_BIN`, or the one of this build."""
    path = Path(os.environ.get("VINTNER_BIN", ROOT / ".build" / build / "vintner"))
    if not path.exists():
        raise SystemExit(f"{path} does not exist. Build first, or set VINTNER_BIN.")
    return path


def frozen_binary(folder: Path) -> Path:
    """A copy of the executable, so that a build at the same time does not change what is tested."""
    source = binary()
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, folder / "vintner")
    for resources in source.parent.glob("*.resources"):
        shutil.copytree(resources, folder / resources.name, dirs_exist_ok=True)
    return folder / "vintner"


def environment() -> dict[str, str]:
    """This process' environment, with the installed engine on the `PATH` and without the user's Terraform settings."""
    found = dict(os.environ, PATH=f"{os.environ['PATH']}:{ROOT}/.tools/bin")
    found.pop("TF_CLI_CONFIG_FILE", None)
    return found


class ManagedProcess:
    """A process that a test starts, signals, kills and starts again. Its output is appended to `log`."""

    def __init__(self, command: list[str], log: Path, variables: dict[str, str] | None = None) -> None:
        self.command, self.log = command, log
        self.environment = {**environment(), **(variables or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.is_running:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                start_new_session=True)

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def exit_status(self) -> int | None:
        return self.process.poll() if self.process else None

    def signal(self, number: int) -> None:
        if self.process is not None and self.is_running:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait(20)

    def stop(self, limit: float = 20) -> None:
        """Ends it with SIGTERM, like an operator. Fails, and kills its process group, after `limit` seconds."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not self.process:
            return
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
            raise AssertionError(f"{self.command[:2]} did not exit within {limit:g} s of SIGTERM") from None


def parent_of(pid: int) -> int:
    """The parent's process ID; 0 if the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def children_of(parent: int) -> list[int]:
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent_of(pid) == parent]


def command_of(pid: int) -> list[str]:
    """The words of its command line; empty for a zombie and if the process is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def processes_of(folder: Path) -> dict[int, list[str]]:
    """The processes whose command line or working folder names `folder`, with their command lines."""
    found: dict[int, list[str]] = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        words = command_of(pid)
        try:
            place = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if pid != os.getpid() and words and (any(str(folder) in word for word in words) or place.startswith(str(folder))):
            found[pid] = words
    return found
