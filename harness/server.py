"""`vintner up` on a free port, with a data folder of its own."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from harness.program import ManagedProcess, binary, children_of, command_of
from harness.waiting import wait_until

START_LIMIT = 60
LINK = re.compile(r"https?://\S+/sign-in#token=\S+")


@dataclass
class RemoteServer:
    """A server that was started elsewhere."""

    url: str
    token: str
    link: str | None = None


class Server:
    """A running server. `options` are those of `vintner up`; `variables` are added to its environment; `output` is everything
    that its processes print."""

    def __init__(self, data: Path, *options: str, program: Path | None = None, port: int = 0,
                 variables: dict[str, str] | None = None) -> None:
        self.data = data
        self.output = data.parent / f"{data.name}.log"
        self.process = ManagedProcess(
            [str(program or binary()), "up", "--data", str(data), "--port", str(port), *options], self.output,
            variables)
        self.start()

    def start(self) -> None:
        """Starts the server, and waits for its sign-in link."""
        printed_before = self.output.stat().st_size if self.output.exists() else 0
        self.process.start()

        def find_link() -> re.Match[str] | None:
            text = self.output.read_bytes()[printed_before:].decode(errors="replace")
            assert self.process.is_running, f"The server ended:\n{text}"
            return LINK.search(text)

        try:
            self.link: str | None = wait_until(find_link, lambda: self.output.read_text(), START_LIMIT).group(0)
        except AssertionError:
            self.process.kill()
            raise
        self.url = (self.data / "address").read_text().strip()
        self.token = (self.data / "admin.token").read_text().strip()
        self.host, self.port = "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    def stop(self) -> float:
        """Stops the server; returns how many seconds that took."""
        start = time.monotonic()
        if self.process.is_running:
            self.process.stop()
        return time.monotonic() - start

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def trellis(self) -> int | None:
        """The process ID of the control plane; None while it is being restarted."""
        return self.part("trellis")

    def part(self, name: str) -> int | None:
        """The process ID of the control plane or of a Tendril; None while it is being restarted."""
        return next((pid for pid in children_of(self.process.pid) if command_of(pid)[1:2] == [name]), None)

    def memory(self) -> int:
        """Resident bytes of the control plane."""
        status = Path(f"/proc/{self.trellis()}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) << 10

    def processor_seconds(self, part: str = "trellis") -> float:
        """CPU time of the control plane, or of a Tendril."""
        fields = Path(f"/proc/{self.part(part)}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
