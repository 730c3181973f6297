"""Cloud identities: real Terraform reads an S3 state with nothing but the token of its job, and the page that shows it."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from harness import Api, Gates, Server
from harness.sts import APPLY_ROLE, PLAN_ROLE, SecurityTokenService
from harness.waiting import wait_until

TOKEN_SECONDS = 20
STATE = {
    "version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "net", "resources": [],
    "outputs": {"vpc": {"value": "vpc-0a1b2c3d", "type": "string"}},
}
REMOTE = """
data "terraform_remote_state" "net" {
  backend = "s3"
  config = {
    bucket = "states"
    key    = "net/terraform.tfstate"
    region = "us-east-1"
    use_path_style = true
    %s
  }
  %s
}
output "vpc" { value = data.terraform_remote_state.net.outputs.vpc }
"""


class Cloud:
    """An installation that is an issuer, a cloud that trusts it, and an identity between them."""

    def __init__(self, server: Server, sts: SecurityTokenService, browser: Browser) -> None:
        self.server, self.sts, self.browser, self.api = server, sts, browser, Api(server)
        self.identity = self.api.post("/api/identities", {
            "name": "shop-prod", "provider": "aws", "plan": {"role_arn": PLAN_ROLE, "region": "us-east-1"},
            "apply": {"role_arn": APPLY_ROLE}})

    def vine(self, main: str, **more: Any) -> Any:
        return self.api.vine(main, identity_id=self.identity["id"], environment=self.sts.environment, **more)

    def trust(self, covers: str = "vineyard") -> None:
        """Pastes the policies that Vintner shows into the roles."""
        for policy in self.api.get(f"/api/identities/{self.identity['id']}")["policies"]:
            if policy["covers"] == covers:
                self.sts.trust_policy(PLAN_ROLE if policy["phase"] == "plan" else APPLY_ROLE, policy["text"])

    def log(self, job: str, stream: str = "SYSTEM") -> str:
        return "".join(row["log_chunk"] for row in self.api.rows(job) if row["stream_type"] == stream)

    def page(self) -> Page:
        page = self.browser.new_context(base_url=self.server.url, viewport={"width": 1280, "height": 800}).new_page()
        page.goto(self.api.post("/api/sign-in-links", {"user": "admin"})["url"])
        page.wait_for_url("**/dashboard/jobs")
        return page


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    issuer = f"http://127.0.0.1:{port}"
    options = ["--identity-issuer", issuer, "--identity-token-lifetime", str(TOKEN_SECONDS)]
    with SecurityTokenService(folder / "sts", issuer) as sts, Server(
            folder / "data", "--tendrils", "1", *options, port=port, variables=sts.operators) as server:
        sts.put("states", "net/terraform.tfstate", json.dumps(STATE))
        yield Cloud(server, sts, browser)


def test_terraform_reads_an_s3_state_with_nothing_but_the_identity(cloud: Cloud) -> None:
    vine = cloud.vine(REMOTE % ("", ""))
    cloud.trust("vines")
    begun = len(cloud.sts.exchanges())
    plan = cloud.api.plan(vine["id"])
    deploy = cloud.api.wait(cloud.api.post(f"/api/jobs/{plan['id']}/apply", {})["id"], "SUCCESS", log=True)
    assert deploy["execution_metadata"]["outputs"]["vpc"] == "vpc-0a1b2c3d"
    asked = cloud.sts.exchanges()[begun:]
    assert all("claims" in exchange for exchange in asked), asked
    # The Tendril tries it out, and then Terraform uses it.
    for job, phase, role in [(plan, "plan", PLAN_ROLE), (deploy, "apply", APPLY_ROLE)]:
        mine = [exchange for exchange in asked if exchange["claims"]["job_id"] == job["id"]]
        assert any("Terraform" in exchange["agent"] for exchange in mine) or phase == "apply", mine
        for exchange in mine:
            assert exchange["role"] == role
            assert exchange["claims"]["sub"] == (
                f"vineyard:{vine['vineyard_id']}:vine:{vine['id']}:stage:test:phase:{phase}")
        assert f"Assuming IAM role {role} for 1 h" in cloud.log(job["id"])
    assert asked[-1]["claims"]["approved_by"] == "admin" and len(asked[-1]["claims"]["plan_digest"]) == 64
    # The page shows it in blue.
    page = cloud.page()
    page.goto(f"/dashboard/jobs/{plan['id']}")
    line = page.locator('[data-stream="SYSTEM"]', has_text="Assuming IAM role")
    expect(line).to_be_visible()
    color = "node => getComputedStyle(node).color"
    stdout = page.locator('[data-stream="STDOUT"]').first
    expect(stdout).to_be_visible()
    assert line.evaluate(color) != stdout.evaluate(color)
    shown = page.content()
    page.context.close()
    # The tokens are nowhere else: not on disk, in no answer, and not on the page.
    answers = [cloud.api.call("GET", path).text for job in (plan, deploy) for path in (
        f"/api/jobs/{job['id']}", f"/api/jobs/{job['id']}/logs?limit=10000", f"/api/audit?job_id={job['id']}")]
    files = [path for path in cloud.server.data.rglob("*") if path.is_file() and "sts" not in path.parts]
    held = [path.read_bytes() for path in [*files, cloud.server.output]]
    for exchange in asked:
        for part in exchange["token"].split(".")[1:]:
            assert not any(part in text for text in [*answers, shown])
            assert not any(part.encode() in data for data in held)


def test_a_configuration_that_prints_its_token_shows_nothing(cloud: Cloud) -> None:
    vine = cloud.vine(
        'resource "terraform_data" "a" {\n  provisioner "local-exec" {\n'
        '    command = "cat $AWS_WEB_IDENTITY_TOKEN_FILE; echo; cut -d. -f3 $AWS_WEB_IDENTITY_TOKEN_FILE; '
        'stat -c mode-%a $AWS_WEB_IDENTITY_TOKEN_FILE"\n  }\n}\n')
    cloud.trust()
    begun = len(cloud.sts.exchanges())
    job = cloud.api.wait(cloud.api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    text = cloud.log(job["id"], "STDOUT")
    assert "mode-600" in text and "(sensitive)" in text
    for exchange in cloud.sts.exchanges()[begun:]:
        for part in exchange["token"].split(".")[1:]:
            assert not any(part[at:at + 40] in text for at in range(0, len(part) - 40, 20))
    assert job["log_state"] == "COMPLETE"


def test_a_job_of_three_lives_of_a_token_succeeds(cloud: Cloud, gate: Gates) -> None:
    hold = gate("three-lives")
    vine = cloud.vine(
        f'resource "terraform_data" "wait" {{\n  provisioner "local-exec" {{\n    command = "{hold.wait}"\n  }}\n}}\n'
        + REMOTE % ("", "depends_on = [terraform_data.wait]"))
    cloud.trust()
    job = cloud.api.deploy(vine["id"])

    def tokens() -> list[Any]:
        return cloud.api.get(f"/api/audit?action=identity.token&job_id={job['id']}&limit=100")["items"]

    # Each token is replaced when half of its life is over: the seventh is made after three lives.
    wait_until(lambda: len(tokens()) >= 7, lambda: cloud.log(job["id"]), TOKEN_SECONDS * 8)
    begun = len(cloud.sts.exchanges())
    hold.open()
    done = cloud.api.wait(job["id"], "SUCCESS", log=True)
    assert done["execution_metadata"]["outputs"]["vpc"] == "vpc-0a1b2c3d"
    assert done["log_state"] == "COMPLETE"
    assert cloud.log(job["id"]).count("Credentials renewed, valid until ") >= 6
    late = cloud.sts.exchanges()[begun:]
    assert late and all("claims" in exchange for exchange in late)
    ids = {event["changes"]["token_id"] for event in tokens()}
    assert {exchange["claims"]["jti"] for exchange in late} <= ids


def test_a_plan_cannot_use_the_role_for_applying(cloud: Cloud) -> None:
    # The configuration looks for the token of its own job, and asks for the other role with it.
    jobs = cloud.server.data / "tendrils" / "tendril-1" / "jobs"
    token = f'"{jobs}/${{tolist(fileset("{jobs}", "*/identity/token"))[0]}}"'
    role = f'assume_role_with_web_identity = {{ role_arn = "{APPLY_ROLE}", web_identity_token_file = {token} }}'
    vine = cloud.vine(REMOTE % (role, ""))
    cloud.trust()
    begun = len(cloud.sts.exchanges())
    job = cloud.api.wait(cloud.api.job("PLAN", vine["id"])["id"], "FAILED", log=True)
    assert "AccessDenied" in cloud.log(job["id"], "STDERR"), cloud.log(job["id"], "STDERR")
    refused = [exchange for exchange in cloud.sts.exchanges()[begun:] if "refused" in exchange]
    assert refused and all(exchange["role"] == APPLY_ROLE for exchange in refused)


def test_an_identity_that_is_not_trusted_fails_the_job_before_init(cloud: Cloud) -> None:
    vine = cloud.vine("terraform {}")
    cloud.sts.trust(PLAN_ROLE, "vineyard:another:*")
    job = cloud.api.wait(cloud.api.job("PLAN", vine["id"])["id"], "FAILED", log=True)
    subject = f"vineyard:{vine['vineyard_id']}:vine:{vine['id']}:stage:test:phase:plan"
    assert "its trust policy does not match the token" in job["error_message"] and subject in job["error_message"]
    assert job["phases"] == []
    # The cloud can't read the keys.
    cloud.sts.read_keys_from("http://127.0.0.1:1")
    try:
        unread = cloud.api.wait(cloud.api.job("PLAN", vine["id"])["id"], "FAILED", log=True)
    finally:
        cloud.sts.read_keys_from(cloud.server.url)
    assert "can't read the keys of the issuer" in unread["error_message"]


def test_the_page_adds_an_identity_shows_its_policy_and_tests_it(cloud: Cloud) -> None:
    page = cloud.page()
    page.goto("/dashboard/identities")
    expect(page.locator("[data-issuer]")).to_contain_text(cloud.server.url)
    page.locator("[data-add]").click()
    form = page.locator("[data-identity-form]")
    form.locator("[name=name]").fill("from-the-page")
    form.locator('[name="plan.role_arn"]').fill("not an ARN")
    form.locator('[name="apply.role_arn"]').fill(APPLY_ROLE)
    form.locator("[data-form-save]").click()
    expect(form.locator("[data-error]")).to_be_visible()
    form.locator('[name="plan.role_arn"]').fill(PLAN_ROLE)
    form.locator("[data-form-save]").click()
    detail = page.locator("[data-one]")
    expect(detail).to_contain_text("from-the-page")
    expect(detail.locator("[data-policy=plan]")).to_contain_text("sts:AssumeRoleWithWebIdentity")
    identity = next(item for item in cloud.api.get("/api/identities")["items"] if item["name"] == "from-the-page")
    vine = cloud.api.vine(identity_id=identity["id"], environment=cloud.sts.environment)
    page.reload()
    policy = detail.locator("[data-policy=plan]")
    expect(policy).to_contain_text(f"vine:{vine['id']}:stage:test:phase:plan")
    cloud.sts.trust_policy(PLAN_ROLE, policy.inner_text())
    cloud.sts.trust(APPLY_ROLE, "nobody")
    detail.locator('[data-test="plan"]').click()
    page.wait_for_url("**/dashboard/jobs/*")
    expect(page.locator('[data-stream="SYSTEM"]', has_text="Connected as arn:aws:sts::111122223333:assumed-role")).to_be_visible(
        timeout=60_000)
    expect(page.get_by_text(re.compile("^Connected as arn:aws:sts")).first).to_be_visible()
    page.goto(f"/dashboard/identities?id={identity['id']}")
    expect(detail.locator('[data-side="plan"]')).to_contain_text("Works, job")
    detail.locator('[data-test="apply"]').click()
    page.wait_for_url("**/dashboard/jobs/*")
    job = page.url.rsplit("/", 1)[1].split("?")[0]
    assert "trust policy does not match" in cloud.api.wait(job, "FAILED")["error_message"]
    page.goto(f"/dashboard/identities?id={identity['id']}")
    expect(detail.locator('[data-side="apply"]')).to_contain_text("its trust policy does not match")
    page.context.close()


def test_the_issuers_documents_are_public_and_can_be_exported(cloud: Cloud, tmp_path: Path) -> None:
    import subprocess

    import requests
    from harness.program import binary

    subprocess.run(
        [str(binary()), "identity", "export", str(tmp_path), "--data", str(cloud.server.data)], check=True, timeout=60)
    for name in ("openid-configuration", "jwks.json"):
        live = requests.get(f"{cloud.server.url}/.well-known/{name}", timeout=30)
        assert live.ok and json.loads((tmp_path / ".well-known" / name).read_text()) == live.json()
    keys = json.loads((tmp_path / ".well-known" / "jwks.json").read_text())["keys"]
    assert keys and all(set(key) == {"kty", "use", "alg", "kid", "n", "e"} for key in keys)
