"""The pages for people, one's own account, and the sign-in of a command line."""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
import time
import uuid

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from harness import Api, Server
from harness.chromium import sign_in_by_link
from test_accessibility import check


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


def test_an_invitation_gives_a_role_and_teams(page: Page, other_server: Server) -> None:
    # A server of its own: once somebody has a role, everybody needs one.
    assert other_server.link
    api = Api(other_server)
    page = sign_in_by_link(page.context, other_server.link)
    name, team, place = unique("ida"), unique("web"), unique("yard")
    api.post("/api/vineyards", {"name": place})
    api.post("/api/teams", {"name": team})
    page.goto(f"{other_server.url}/dashboard/people")
    page.get_by_role("button", name="Invite").click()
    form = page.locator("[data-new]")
    form.get_by_label("Name", exact=True).fill(name)
    expect(form.get_by_label("Where")).to_be_hidden()
    form.get_by_label("Role").select_option("planner")
    form.get_by_label("Where").select_option(label=place)
    form.get_by_label("Teams").fill(team)
    form.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("[data-once-secret]")).to_contain_text("#invitation=vni_")
    expect(page.locator("[data-once-role]")).to_be_hidden()
    row = page.locator(f'[data-user="{name}"]')
    expect(row).to_contain_text(f"planner in {place}")
    expect(row).to_contain_text(team)


def test_teams_are_made_changed_and_deleted(page: Page, api: Api) -> None:
    name = unique("ops")
    page.goto("/dashboard/people")
    page.get_by_role("button", name="New team").click()
    form = page.locator("[data-team-form]")
    expect(form.get_by_label("Team")).to_be_focused()
    form.get_by_label("Team").fill(name)
    form.get_by_label("Members").fill("ana, ben")
    page.keyboard.press("Enter")
    row = page.locator(f'[data-team="{name}"]')
    expect(row).to_contain_text("2")
    page.get_by_role("button", name=f"Edit the team {name}").click()
    expect(form.get_by_label("Members")).to_be_focused()
    form.get_by_label("Members").fill("ana")
    form.get_by_label("Group of the identity provider").fill("eng-ops")
    page.get_by_role("button", name="Save team").click()
    expect(row).to_contain_text("eng-ops")
    found = next(team for team in api.get("/api/teams")["items"] if team["name"] == name)
    assert found["members"] == ["ana"] and found["group"] == "eng-ops"
    page.get_by_role("button", name=f"Delete the team {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row).to_have_count(0)


def add_people(server: Server, count: int) -> None:
    """Puts accounts into the database, which takes too long one by one."""
    now = int(time.time() * 1000)
    with sqlite3.connect(server.data / "vintner.sqlite", timeout=30) as connection:
        connection.executemany(
            "INSERT INTO users (id, name, name_folded, kind, groups, created_by, created_at) VALUES (?, ?, ?, 'user', '[]', 'admin', ?)",
            [(str(uuid.uuid4()), f"p-{n:05}", f"p-{n:05}", now) for n in range(count)])
        connection.executemany(
            "INSERT INTO grants (id, principal, role, scope, created_by, created_at, automatic) VALUES (?, ?, 'viewer', 'installation', 'admin', ?, 0)",
            [(str(uuid.uuid4()), f"user:p-{n:05}", now) for n in range(0, count, 2)])
    connection.close()


def test_one_person_and_nobody(page: Page, other_server: Server) -> None:
    assert other_server.link
    page = sign_in_by_link(page.context, other_server.link)
    page.goto(f"{other_server.url}/dashboard/people")
    expect(page.locator("[data-user]")).to_have_count(1)
    expect(page.locator("[data-user]")).to_contain_text("admin")
    expect(page.locator("[data-people-pager]")).to_be_hidden()
    expect(page.get_by_text("No teams yet.")).to_be_visible()
    page.get_by_label("Kind").and_(page.locator("select")).select_option("service")
    expect(page.get_by_text("Nobody matches.")).to_be_visible()
    check(page)


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}], ids=["light-1280", "dark-390"])
def test_ten_thousand_people_are_shown_a_page_at_a_time(page: Page, other_server: Server) -> None:
    add_people(other_server, 10_000)
    assert other_server.link
    page = sign_in_by_link(page.context, other_server.link)
    page.goto(f"{other_server.url}/dashboard/people?q=p-")
    rows = page.locator("[data-user]")
    expect(rows).to_have_count(50)
    pager = page.locator("[data-people-pager]")
    expect(pager).to_contain_text("1 to 50")
    expect(rows.first).to_contain_text("viewer")
    expect(rows.nth(1)).to_contain_text("no role")
    expect(pager.get_by_role("button", name="Previous")).to_be_disabled()
    # By keyboard; the focus stays where the next page is asked for.
    pager.get_by_role("button", name="Next").focus()
    for first in (51, 101):
        page.keyboard.press("Enter")
        expect(pager).to_contain_text(f"{first} to {first + 49}")
        expect(pager.get_by_role("button", name="Next")).to_be_focused()
    expect(rows).to_have_count(50)
    expect(rows.first).to_have_attribute("data-user", "p-00100")
    assert page.locator("*").count() < 2500
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("searchbox", name="Search people").fill("p-09999")
    expect(rows).to_have_count(1)
    expect(pager).to_be_hidden()


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
