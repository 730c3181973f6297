"""A day of a team: invitations, single sign-on, a plan, an apply, a lost group, the audit log, and the evidence."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from harness import Api, Gates, Server, shell
from harness.chromium import sign_in_by_link
from harness.identity_provider import PASSWORD, IdentityProvider
from harness.program import binary
from harness.waiting import wait_until
from job_page import JobPage

LOCAL_PASSWORD = "a long enough password"
LOST = 15
"""Seconds within which a lost group takes everything that it gave."""


class Company:
    """An installation, and a browser for each person."""

    def __init__(self, server: Server, browser: Browser, provider: IdentityProvider) -> None:
        self.server, self.browser, self.provider, self.api = server, browser, provider, Api(server)
        self.contexts: list[BrowserContext] = []

    def context(self) -> BrowserContext:
        context = self.browser.new_context(
            base_url=self.server.url, viewport={"width": 1280, "height": 800}, accept_downloads=True)
        # The provider's pages want styles from elsewhere.
        context.route(re.compile(r"https://"), lambda route: route.abort())
        self.contexts.append(context)
        return context

    def close(self) -> None:
        for context in self.contexts:
            context.close()

    def administrator(self) -> Page:
        assert self.server.link
        return sign_in_by_link(self.context(), self.server.link)

    def accept(self, invitation: str) -> Page:
        """Opens an invitation, and chooses a password."""
        page = self.context().new_page()
        page.goto(invitation)
        page.locator("form[data-invitation]").get_by_label("Password").fill(LOCAL_PASSWORD)
        page.get_by_role("button", name="Create account").click()
        # A password's hash takes long in a debug build.
        page.wait_for_url("**/dashboard/jobs", timeout=240_000)
        return page

    def sign_in(self, name: str) -> Page:
        """Signs in with the provider."""
        page = self.context().new_page()
        page.goto("/dashboard/jobs")
        page.get_by_role("link", name="Continue with Company SSO").click()
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Authorize").click()
        page.wait_for_url("**/dashboard/jobs")
        return page


@pytest.fixture
def company(tmp_path: Path, browser: Browser) -> Iterator[Company]:
    """A server that its administrator has connected to the provider: with the defaults, and two options."""
    with IdentityProvider(tmp_path / "provider") as provider:
        provider.add("pia", "shop-planners")
        with Server(tmp_path / "company", "--tendrils", "2", *provider.options()) as server:
            company = Company(server, browser, provider)
            yield company
            company.close()


def invite(page: Page, name: str, role: str, where: str) -> str:
    """Invites a person with a role on the people page; returns the link."""
    page.goto("/dashboard/people")
    page.get_by_role("button", name="Invite").click()
    form = page.locator("[data-new]")
    form.get_by_label("Name", exact=True).fill(name)
    form.get_by_label("Role").select_option(role)
    form.get_by_label("Where").select_option(label=where)
    form.get_by_role("button", name="Add", exact=True).click()
    secret = page.locator("[data-once-secret]")
    expect(secret).to_contain_text("#invitation=vni_")
    row = page.locator(f'[data-user="{name}"]')
    expect(row).to_contain_text(f"{role} in {where}")
    return secret.inner_text()


def statuses(page: Page, *paths: str) -> list[int]:
    """What the API answers to somebody's browser."""
    return [page.context.request.get(path).status for path in paths]


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in another folder, with nothing of the server in its environment."""
    return subprocess.run(
        [str(binary()), *arguments], cwd=place, env={"PATH": "/usr/bin:/bin", "HOME": str(place)}, capture_output=True,
        text=True, timeout=120)


def test_a_day_of_a_team(company: Company, gate: Gates, tmp_path: Path) -> None:
    api = company.api
    shop = api.post("/api/vineyards", {"name": "shop"})["id"]
    api.post("/api/vineyards", {"name": "bank"})
    go = gate()
    vine = api.vine(
        shell(f"echo row-$((1 + 1)); {go.wait}; echo late-$((1 + 1))"), project="web", vineyard_id=shop)

    # The administrator invites people, and connects the group of the provider to a team with a role.
    admin = company.administrator()
    links = {"oli": invite(admin, "oli", "operator", "shop"), "vic": invite(admin, "vic", "viewer", "bank")}
    admin.get_by_role("button", name="New team").click()
    team = admin.locator("[data-team-form]")
    team.get_by_label("Team").fill("planners")
    team.get_by_label("Group of the identity provider").fill("shop-planners")
    team.get_by_role("button", name="Save team").click()
    expect(admin.locator('[data-team="planners"]')).to_contain_text("shop-planners")
    admin.goto(f"/dashboard/access?scope=vineyard:{shop}")
    form = admin.locator("[data-grant]")
    form.locator("[name=kind]").select_option("team")
    form.get_by_label("Name").fill("planners")
    form.get_by_label("Role").select_option("planner")
    form.get_by_role("button", name="Grant").click()
    expect(admin.locator("[data-rows] tr", has_text="planners")).to_contain_text("planner")

    # The planner signs in with the company's account, plans, and is told what applying needs.
    pia = company.sign_in("pia")
    pia.goto("/dashboard/vines")
    pia.get_by_role("row", name=re.compile("web")).get_by_role("button", name="Plan").click()
    pia.get_by_role("button", name="Start PLAN").click()
    pia.wait_for_url("**/dashboard/jobs/*-*")
    plan = pia.url.rsplit("/", 1)[1]
    view = JobPage(pia, plan).shows("SUCCESS")
    apply = pia.locator('[data-action="apply"]')
    expect(apply).to_have_attribute("title", re.compile("you need the right jobs:apply"))
    csrf = pia.locator('meta[name="csrf-token"]').get_attribute("content") or ""
    refused = pia.context.request.post(
        f"/api/jobs/{plan}/apply", headers={"X-CSRF-Token": csrf, "Origin": company.server.url}, data={})
    assert refused.status == 403 and "The role operator gives it." in refused.json()["error"]

    # The operator accepts the invitation, and applies what was planned: with a real engine.
    oli = company.accept(links["oli"])
    view = JobPage(oli, plan).open().shows("SUCCESS")
    view.button("Apply").click()
    oli.get_by_role("dialog", name=re.compile("Apply plan")).get_by_role("button", name="Start DEPLOY").click()
    oli.wait_for_url(lambda url: "/dashboard/jobs/" in url and plan not in url)
    deploy = oli.url.rsplit("/", 1)[1]
    JobPage(oli, deploy).shows("PROCESSING")

    # For a viewer of another vineyard, none of it exists.
    vic = company.accept(links["vic"])
    answer = vic.goto(f"/dashboard/jobs/{deploy}")
    assert answer and answer.status == 404
    hidden = [f"/api/jobs/{deploy}{rest}" for rest in ("", "/logs", "/logs/stream", "/evidence")]
    assert statuses(vic, *hidden) == [404, 404, 404, 404]

    # The planner watches the apply; then the provider takes the group away. Nobody touches the page.
    view = JobPage(pia, deploy).open().shows("PROCESSING")
    expect(view.with_text("): row-2")).to_be_visible(timeout=60_000)
    expect(view.feed).to_contain_text("Live")
    company.provider.add("pia")
    lost = time.time()
    expect(pia.get_by_text("This log is no longer available.")).to_be_visible(timeout=LOST * 1000)
    assert time.time() - lost < LOST
    assert statuses(pia, f"/api/jobs/{deploy}", f"/api/jobs/{deploy}/logs", f"/api/vines/{vine['id']}") == [404, 404, 404]
    assert statuses(pia, "/api/jobs", "/api/vines") == [403, 403]
    # What the job prints from now on does not reach the page that is still open.
    go.open()
    JobPage(oli, deploy).shows("SUCCESS").is_complete()
    expect(JobPage(oli, deploy).with_text("): late-2")).to_be_visible()
    expect(view.with_text("late-2")).to_have_count(0)
    pia.reload()
    expect(pia.get_by_role("heading", level=1)).to_be_visible()
    expect(view.log).to_have_count(0)

    # The audit page shows all of it.
    def events(**filters: str) -> Any:
        admin.goto("/dashboard/audit?" + "&".join(f"{name}={value}" for name, value in filters.items()))
        return admin.locator(".ev")

    for action, name in (("user.create", "oli"), ("user.create", "vic"), ("grant.create", "operator for user:oli"),
                         ("team.create", "planners"), ("grant.create", "planner for team:planners")):
        expect(events(action=action).filter(has_text=name).first).to_be_visible()
    expect(events(action="session.create", actor="pia").first).to_be_visible()
    expect(events(action="job.create", actor="pia", outcome="ALLOWED").first).to_be_visible()
    expect(events(action="job.apply", actor="pia", outcome="DENIED").first).to_be_visible()
    expect(events(action="job.apply", actor="oli", outcome="ALLOWED").first).to_be_visible()
    expect(events(action="evidence.read", actor="vic", outcome="DENIED").first).to_be_visible()
    row = events(action="user.groups").filter(has_text="pia").first
    expect(row).to_be_visible()
    row.locator("summary").click()
    expect(row.locator("pre")).to_contain_text("shop-planners")
    expect(admin.locator("[data-chain]")).to_contain_text("Chain verified up to event", timeout=30_000)

    # The evidence verifies with nothing but the file and the key, and not after one byte was changed.
    def is_saved() -> Any:
        answer = oli.context.request.get(f"/api/jobs/{deploy}/evidence")
        return answer.body() if answer.ok else None

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bundle = wait_until(is_saved, "the evidence of the apply", 60, pause=0.5)
    (elsewhere / "job.evidence").write_bytes(bundle)
    (elsewhere / "vintner.pub").write_text(api.get("/api/evidence-key")["public_key"])
    company.server.stop()
    verified = run(elsewhere, "evidence", "verify", "job.evidence", "--key", "vintner.pub")
    assert verified.returncode == 0, verified.stderr
    assert "Planned by pia" in verified.stdout and "Applied by oli" in verified.stdout
    changed = bytearray(bundle)
    changed[bundle.index(b"planned_by")] ^= 1
    (elsewhere / "changed.evidence").write_bytes(changed)
    refused_bundle = run(elsewhere, "evidence", "verify", "changed.evidence", "--key", "vintner.pub")
    assert refused_bundle.returncode == 1 and "is not what Vintner wrote" in refused_bundle.stderr
