"""`/metrics` is what Prometheus reads, and the alert rules are right."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from harness import Server
from harness.api import Api
from harness.program import ROOT

MONITORING = ROOT / "examples" / "monitoring"


def read(server: Server, api: Api) -> str:
    answer = requests.get(f"{server.url}/metrics", headers={"Authorization": f"Bearer {server.token}"}, timeout=30)
    assert answer.status_code == 200
    return answer.text


def promtool(*arguments: str, text: str | None = None) -> None:
    done = subprocess.run(
        [shutil.which("promtool") or "promtool", *arguments], input=text, cwd=MONITORING, capture_output=True, text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_strict_reader_takes_the_metrics(server: Server, api: Api) -> None:
    api.get("/api/jobs")
    families = {family.name: family for family in text_string_to_metric_families(read(server, api))}
    assert families["vintner_http_request_duration_seconds"].type == "histogram"
    assert families["vintner_store_commit_duration_seconds"].samples
    assert families["vintner_jobs"].type == "gauge"
    for name, family in families.items():
        assert name.startswith("vintner_") and family.documentation
        for sample in family.samples:
            assert not {"vine", "vine_id", "job", "job_id"} & set(sample.labels)


def test_promtool_has_no_complaint(server: Server, api: Api) -> None:
    promtool("check", "metrics", text=read(server, api))


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts-test.yml")])
def test_the_alert_rules_are_right(arguments: tuple[str, ...]) -> None:
    promtool(*arguments)
