"""The pages for people, one's own account, and the sign-in of a command line."""

from __future__ import annotations

import base64
import hashlib
import re
import uuid

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from harness import Api, Server


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:6]}"


def test_somebody_is_invited_disabled_enabled_and_removed(page: Page) -> None:
    name = unique("hal")
    page.goto("/dashboard/people")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("[data-once-secret]")).to_contain_text("/sign-in#invitation=vni_")
    row = page.locator(f'[data-user="{name}"]')
    expect(row).to_contain_text("invited")

    def choose(deed: str) -> None:
        page.get_by_role("button", name=f"Actions for {name}").click()
        page.get_by_role("menuitem", name=deed, exact=True).click()

    choose("Disable")
    expect(row).to_contain_text("disabled")
    choose("Enable")
    expect(row).not_to_contain_text("disabled")
    choose("Remove")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)


def test_a_service_account_gets_a_token(page: Page, server: Server) -> None:
    name = unique("ci-bot")
    page.goto("/dashboard/people")
    page.get_by_role("button", name="Invite").click()
    page.get_by_role("radio", name="Service account").check()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add").click()
    secret = page.locator("[data-once-secret]")
    expect(secret).to_be_visible()
    expect(secret).to_contain_text("vnt_")
    answer = requests.get(
        f"{server.url}/api/account", headers={"Authorization": f"Bearer {secret.inner_text()}"}, timeout=30)
    assert answer.json()["name"] == name and answer.json()["kind"] == "service"


def test_people_are_searched_by_keyboard(page: Page, api: Api) -> None:
    prefix = unique("row")
    for number in range(3):
        api.post("/api/users", {"name": f"{prefix}-{number}"})
    page.goto("/dashboard/people")
    page.get_by_role("searchbox", name="Search people").fill(f"{prefix}-1")
    expect(page.locator("[data-user]")).to_have_count(1)
    page.get_by_role("button", name=f"Actions for {prefix}-1").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Actions for {prefix}-1")).to_be_focused()
    page.get_by_role("searchbox", name="Search people").fill(unique("nobody"))
    expect(page.get_by_text("Nobody matches.")).to_be_visible()


def test_a_token_is_made_used_and_revoked(page: Page, server: Server) -> None:
    name = unique("laptop")
    page.goto("/dashboard/account")
    page.get_by_role("button", name="Create token").first.click()
    form = page.locator("[data-token-form]")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Everything that you may do").uncheck()
    form.get_by_label("jobs:read").check()
    page.locator("[data-token-form]").get_by_role("button", name="Create token").click()
    secret = page.locator("[data-once-secret]")
    expect(secret).to_be_visible()
    expect(secret).to_contain_text("vnt_")
    row = page.locator(f'[data-token="{name}"]')
    expect(row).to_contain_text("jobs:read")
    expect(row).to_contain_text("in 90 days")
    headers = {"Authorization": f"Bearer {secret.inner_text()}"}
    assert requests.get(f"{server.url}/api/jobs", headers=headers, timeout=30).ok
    page.get_by_role("button", name=f"Revoke {name}").click()
    expect(row).to_have_count(0)
    assert requests.get(f"{server.url}/api/jobs", headers=headers, timeout=30).status_code == 401


def test_the_command_line_gets_a_token_for_a_code(page: Page, server: Server) -> None:
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    name = unique("login")
    page.goto(f"/dashboard/account/login?challenge={challenge}&name={name}")
    expect(page.get_by_text(name)).to_be_visible()
    page.get_by_role("button", name="Allow").click()
    code = page.locator("[data-code]")
    expect(code).to_be_visible()
    expect(code).to_contain_text("vnc_")
    body = {"code": code.inner_text(), "verifier": "w" * 43, "name": name}
    assert requests.post(f"{server.url}/sign-in/code", json=body, timeout=30).status_code == 401
    body["verifier"] = verifier
    answer = requests.post(f"{server.url}/sign-in/code", json=body, timeout=30)
    assert answer.status_code == 200 and answer.json()["token"].startswith("vnt_")
    assert requests.post(f"{server.url}/sign-in/code", json=body, timeout=30).status_code == 401


@pytest.mark.parametrize("options", [
    {"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}},
])
@pytest.mark.parametrize("path", ["/dashboard/people", "/dashboard/account", "/dashboard/account/login", "/sign-in"])
def test_the_pages_are_accessible_and_fit(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.get_by_role("main")).to_be_visible()
    page.wait_for_load_state("networkidle")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("."))
