"""Terraform configurations that need no provider, and provisioners that wait for a test."""

from __future__ import annotations

import shutil
import time
import uuid
from pathlib import Path


def hcl(text: str) -> str:
    """The text as the content of a quoted string."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{").replace("\n", "\\n")


def shell(command: str, name: str = "x", more: str = "") -> str:
    """A configuration whose apply runs `command`. Terraform prints the command as well, so tests let it compute what
    they look for: `echo row-$((1 + 1))`."""
    return (
        f'resource "terraform_data" "{name}" {{\n  provisioner "local-exec" {{\n'
        f'    command = "{hcl(command)}"\n  }}\n}}\n{more}'
    )


class Gate:
    """A file that a provisioner waits for: the test decides when the job continues."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.wait = f"while [ ! -e {path} ]; do sleep 0.05; done"

    def open(self) -> None:
        self.path.touch()


class Gates:
    """Makes gates. At the end, all of them are opened, so that no job waits forever."""

    def __init__(self) -> None:
        # Not in pytest's folders: those may be closed to the user that the engine runs as.
        self.folder = Path(f"/tmp/gates-{uuid.uuid4().hex}")
        self.folder.mkdir(mode=0o755)
        self.gates: list[Gate] = []

    def __call__(self, name: str = "go") -> Gate:
        self.gates.append(Gate(self.folder / name))
        return self.gates[-1]

    def close(self) -> None:
        for gate in self.gates:
            gate.open()
        time.sleep(0.2)  # four rounds of the loops that wait, before the files go
        shutil.rmtree(self.folder, ignore_errors=True)
