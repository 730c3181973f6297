"""Signing in again, beside another installation, and what is not a page."""

import re
import uuid
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from harness import Api, Server
from watcher import Watcher


def link(api: Api, user: str) -> str:
    return api.post("/api/sign-in-links", {"user": user})["url"]


@pytest.fixture
def signed_in(browser: Browser, api: Api, tmp_path: Path) -> Path:
    """A session of its own: these tests end theirs, and others need the shared one."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link(api, "ana"))
    page.wait_for_url("**/dashboard/jobs")
    context.storage_state(path=tmp_path / "state.json")
    context.close()
    return tmp_path / "state.json"


def who(page: Page) -> str:
    return page.get_by_role("button", name="Account").get_attribute("title") or ""


def test_a_fresh_link_switches_users_when_asked_to(page: Page, api: Api) -> None:
    page.goto("/dashboard/jobs")
    assert who(page) == "ana"
    page.goto(link(api, "ben"))
    expect(page.get_by_text("You're already signed in as ana.")).to_be_visible()
    assert "token" not in page.url
    page.get_by_role("button", name="Switch user").click()
    page.wait_for_url("**/dashboard/jobs")
    assert who(page) == "ben"


def test_a_link_that_is_not_wanted_is_not_used_up(page: Page, api: Api, browser: Browser) -> None:
    fresh = link(api, "cora")
    page.goto("/dashboard/vines")
    before = who(page)
    page.goto("/sign-in?next=/dashboard/vines")
    # The page stands there already, so only the fragment changes.
    page.goto(fresh.replace("/sign-in#", "/sign-in?next=/dashboard/vines#"))
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/dashboard/vines")
    assert who(page) == before
    context = browser.new_context()
    other = context.new_page()
    other.goto(fresh)
    other.wait_for_url("**/dashboard/jobs")
    assert who(other) == "cora"
    context.close()


def test_a_token_is_pasted_by_somebody_who_is_signed_in(page: Page, server: Server, api: Api) -> None:
    page.goto("/sign-in")
    page.get_by_role("button", name="Switch user").click()
    field = page.get_by_label("API token")
    expect(field).to_be_focused()
    field.fill(server.token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/jobs")
    assert who(page) == "admin"


def test_a_used_link_says_so_and_leaves_the_session(page: Page, api: Api, browser: Browser, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    used = link(api, "emil")
    context = browser.new_context()
    first = context.new_page()
    first.goto(used)
    first.wait_for_url("**/dashboard/jobs")
    context.close()
    page.goto(used)
    page.get_by_role("button", name="Switch user").click()
    expect(page.locator("[data-error]")).to_contain_text("used before")
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/dashboard/jobs")


def test_two_installations_on_one_host_do_not_sign_each_other_out(
    context: BrowserContext, page: Page, server: Server, other_server: Server, api: Api,
) -> None:
    assert urlparse(server.url).hostname == urlparse(other_server.url).hostname
    other = context.new_page()
    other.goto(Api(other_server).post("/api/sign-in-links", {"user": "other"})["url"])
    other.wait_for_url("**/dashboard/jobs")
    page.goto("/dashboard/jobs")
    assert who(page) != "other"
    # Signing out there leaves this session alone.
    other.get_by_role("button", name="Account").click()
    other.get_by_role("menuitem", name="Sign out").click()
    other.wait_for_url("**/sign-in")
    page.reload()
    expect(page).to_have_url(re.compile("/dashboard/jobs"))
    names = [cookie["name"] for cookie in context.cookies()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", ["/nope", "/dashboard/nope", "/vines/1"])
def test_an_unknown_path_is_a_page(page: Page, watcher: Watcher, path: str) -> None:
    watcher.network_may_fail = True
    answer = page.goto(path)
    assert answer and answer.status == 404
    expect(page.get_by_role("heading", name="Page not found.")).to_be_visible()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Vines")).to_be_visible()
    page.get_by_role("link", name="Go to jobs").click()
    page.wait_for_url("**/dashboard/jobs")


def test_a_short_id_leads_to_the_job_and_keeps_the_line(page: Page, planned) -> None:
    job = planned["job"]["id"]
    page.goto(f"/dashboard/jobs/{job[:8]}#L3")
    expect(page).to_have_url(re.compile(f"/dashboard/jobs/{job}#L3$"))
    expect(page.locator('[data-job-status="SUCCESS"]')).to_be_visible()


def test_a_short_id_of_nothing_says_so(page: Page, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    for text, said in ((uuid.uuid4().hex[:8], "No job's ID starts with"), ("zz", "Not a job ID")):
        answer = page.goto(f"/dashboard/jobs/{text}")
        assert answer and answer.status == 404
        expect(page.get_by_role("main")).to_contain_text(said)
