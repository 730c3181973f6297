"""What the Python suites share: a running server, its API, simulated Tendrils, a proxy that injects faults, and waiting.

See README.md in this folder. `harness.realtime` and `harness.chromium` need further packages and are imported by name.
"""

from harness.api import TERMINAL, Api, Connection
from harness.postgres import PostgresServer
from harness.program import ROOT, binary, frozen_binary
from harness.proxy import FaultProxy
from harness.server import RemoteServer, Server
from harness.tendril import TERRAFORM, SimulatedJob, SimulatedTendril
from harness.terraform import Gate, Gates, shell
from harness.waiting import wait_until

__all__ = [
    "ROOT", "TERMINAL", "TERRAFORM", "Api", "Connection", "FaultProxy", "Gate", "Gates", "PostgresServer", "RemoteServer", "Server",
    "SimulatedJob", "SimulatedTendril", "binary", "frozen_binary", "shell", "wait_until",
]
