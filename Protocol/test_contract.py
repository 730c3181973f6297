"""The API is what its OpenAPI document says: the committed document, and a live server under generated requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest
import requests

from harness import Server
from harness.api import Api
from harness.program import ROOT
from harness.tendril import SimulatedTendril

DOCUMENT = ROOT / "docs" / "openapi.json"

# Streams do not end by themselves, and a new admin's token would end the run.
EXCLUDED = ("followLog", "followTendril", "replaceAdminToken")

CONFIGURATION = """
# What must not be called, and with what the rest is called.
[headers]
Authorization = "Bearer ${{VINTNER_TOKEN}}"

# `Allow` also names what an OpenAPI document can't: Terraform's LOCK and UNLOCK.
[checks.allow_header_conformance]
enabled = false

# 400: a schema can't say everything that a value is checked for. 410 and 423: a lease or a lock of somebody else.
# 412: a revision that is not the newest.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "403", "404", "409", "410", "412", "423", "429"]

[[operations]]
include-path-regex = "^/api/jobs/"
parameters = {{ "path.id" = "{job}" }}

[[operations]]
include-path-regex = "^/api/vines/"
parameters = {{ "path.id" = "{vine}" }}
"""


def test_the_committed_document_is_the_servers(server: Server, api: Api) -> None:
    served = api.get("/api/openapi.json")
    assert served == json.loads(DOCUMENT.read_text()), "run `make openapi`"


def test_the_document_needs_a_credential(server: Server) -> None:
    assert requests.get(f"{server.url}/api/openapi.json", timeout=30).status_code == 401


def test_a_server_under_generated_requests_keeps_its_contract(
    make_server: Callable[..., Server], tmp_path: Path,
) -> None:
    server = make_server("--tendrils", "0")
    job = SimulatedTendril(Api(server)).start()
    job.append_lines(["one", "two"])
    configuration = tmp_path / "schemathesis.toml"
    vine = Api(server).get(f"/api/jobs/{job.id}")["vine_id"]
    configuration.write_text(CONFIGURATION.format(job=job.id, vine=vine))
    command = [
        str(Path(sys.executable).with_name("st")), "--config-file", str(configuration), "run", str(DOCUMENT),
        "--url", server.url, "--max-examples", "3", "--generation-deterministic", "--no-color",
        # A password takes long to check, in a debug build on a busy machine.
        "--request-timeout", "60",
    ]
    for operation in EXCLUDED:
        command += ["--exclude-operation-id", operation]
    run = subprocess.run(
        command, cwd=tmp_path, env=dict(os.environ, VINTNER_TOKEN=server.token), capture_output=True, text=True,
        timeout=600, check=False)
    print(run.stdout.replace(server.token, "…"))
    if run.returncode:
        pytest.fail("schemathesis found something; see above")
    assert "Tested: " in run.stdout and requests.get(f"{server.url}/readyz", timeout=30).ok
