"""Signing in with a real identity provider, and with local accounts beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, expect

from harness import Api, Server
from harness.identity_provider import PASSWORD, IdentityProvider
from harness.waiting import wait_until
from job_page import until

# Computing a password takes seconds in a debug build, and more on a machine that others load.
SLOW = 240_000
GROUPS = ["ops", "dev"]
LOST = 60
"""Seconds until a lost group must be gone: here groups are read every five seconds."""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(tmp_path_factory.mktemp("provider"))
    provider.add("eli", *GROUPS)
    with provider:
        yield provider


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Server]:
    """A server whose people sign in with the provider."""
    data = tmp_path_factory.mktemp("company") / "data"
    with Server(data, "--tendrils", "0", "--oidc-refresh", "5", *provider.options()) as server:
        api = Api(server)
        api.post("/api/teams", {"name": "developers", "group": "dev"})
        api.post("/api/grants", {"principal": "team:developers", "role": "viewer", "scope": "installation"})
        yield server


@pytest.fixture
def door(browser: Browser, company: Server) -> Iterator[BrowserContext]:
    """A browser in which nobody is signed in."""
    context = browser.new_context(base_url=company.url)
    # The provider's pages want styles from elsewhere.
    context.route(re.compile(r"https://"), lambda route: route.abort())
    yield context
    context.close()


@pytest.fixture
def stranger(door: BrowserContext) -> Page:
    return door.new_page()


def sign_in(page: Page, name: str = "eli", path: str = "/dashboard/account") -> None:
    page.goto(path)
    page.get_by_role("link", name="Continue with Company SSO").click()
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Authorize").click()


def groups_of(company: Server, name: str) -> list[str]:
    found = Api(company).get(f"/api/users?q={name}")["items"]
    return found[0]["groups"] if found else []


def test_a_person_signs_in_and_the_groups_arrive(stranger: Page, company: Server) -> None:
    sign_in(stranger)
    stranger.wait_for_url("**/dashboard/account")
    expect(stranger.locator("[data-facts]")).to_contain_text("Company SSO")
    for group in GROUPS:
        expect(stranger.locator("[data-facts] code", has_text=group)).to_be_visible()
    assert sorted(groups_of(company, "eli")) == sorted(GROUPS)
    cookies = {cookie["name"]: cookie for cookie in stranger.context.cookies()}
    assert not [name for name in cookies if "_oidc_" in name], "the cookie of the attempt works once"
    session = cookies[f"vintner_session_{company.port}"]
    assert session["httpOnly"] and session["sameSite"] == "Lax"


def test_a_person_without_a_role_is_told_whom_to_ask(
    stranger: Page, provider: IdentityProvider, company: Server,
) -> None:
    provider.add("jon", "sales")
    sign_in(stranger, "jon")
    expect(stranger.get_by_role("heading", name="You don't have access yet")).to_be_visible()
    expect(stranger.locator("[data-problem]")).to_contain_text("Groups received: sales. Administrators: admin.")


def test_an_answer_that_nobody_asked_for_is_refused(stranger: Page, company: Server) -> None:
    for query in ({"code": "x", "state": "y"}, {"state": "y"}, {}, {"error": "access_denied", "state": "../x"}):
        answer = stranger.goto(f"/sign-in/oidc/callback?{urlencode(query)}")
        assert answer and answer.status == 400
        expect(stranger.get_by_role("heading", name="Sign-in was not completed")).to_be_visible()
    stranger.goto("/dashboard/jobs")
    expect(stranger).to_have_url(re.compile("/sign-in"))


def callback(page: Page, door: BrowserContext, provider: IdentityProvider) -> str:
    """Signs in up to the provider's redirect to Vintner, which the browser does not follow. Returns its address."""
    found: list[str] = []

    def keep(route: Route, request: Request) -> None:
        if request.method != "POST":
            route.continue_()
            return
        found.append(route.fetch(max_redirects=0).headers["location"])
        route.abort()

    # A route does not see requests that follow a redirect, only the one that is redirected.
    pattern = re.compile(re.escape(provider.issuer))
    door.route(pattern, keep)
    sign_in(page)
    until(page, lambda: bool(found), "the provider did not redirect")
    door.unroute(pattern)
    return found[0]


def test_a_wrong_state_is_refused_and_the_right_one_works_once(
    stranger: Page, door: BrowserContext, provider: IdentityProvider,
) -> None:
    address = callback(stranger, door, provider)
    parts = urlsplit(address)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    wrong = {**query, "state": query["state"][:-1] + ("A" if query["state"][-1] != "A" else "B")}
    page = door.new_page()
    answer = page.goto(f"{parts.path}?{urlencode(wrong)}")
    assert answer and answer.status == 400
    # The code is still good, and so is the attempt, but only in this browser.
    page.goto(address)
    page.wait_for_url("**/dashboard/account")
    again = page.goto(address)
    assert again and again.status == 400


def test_another_browser_can_not_finish_a_sign_in(
    stranger: Page, door: BrowserContext, browser: Browser, provider: IdentityProvider,
) -> None:
    address = callback(stranger, door, provider)
    victim = browser.new_context()
    page = victim.new_page()
    answer = page.goto(address)
    assert answer and answer.status == 400
    assert not [cookie for cookie in victim.cookies() if cookie["name"].startswith("vintner_session")]
    victim.close()


def test_another_site_can_not_begin_a_sign_in(stranger: Page, door: BrowserContext, company: Server) -> None:
    page = stranger
    door.route("http://evil.test/", lambda route: route.fulfill(
        content_type="text/html", body=f'<a href="{company.url}/sign-in/oidc/start?provider=company-sso">win</a>'))
    page.goto("http://evil.test/")
    page.get_by_role("link", name="win").click()
    expect(page.get_by_role("heading", name="Start here")).to_be_visible()


def test_keys_are_rotated(stranger: Page, provider: IdentityProvider, browser: Browser, company: Server) -> None:
    sign_in(stranger)
    stranger.wait_for_url("**/dashboard/account")
    provider.rotate_keys()

    def works() -> bool:
        context = browser.new_context(base_url=company.url)
        context.route(re.compile(r"https://"), lambda route: route.abort())
        page = context.new_page()
        sign_in(page)
        page.wait_for_url(re.compile("/dashboard/account|/sign-in/oidc/callback"))
        landed = urlsplit(page.url).path
        context.close()
        return landed == "/dashboard/account"

    # Keys that are five seconds old are not fetched again.
    wait_until(works, lambda: "a sign-in after the rotation", 60, pause=2)


def test_a_person_who_loses_a_group_loses_it_while_signed_in(
    stranger: Page, provider: IdentityProvider, company: Server,
) -> None:
    provider.add("fay", *GROUPS)
    sign_in(stranger, "fay")
    expect(stranger.locator("[data-facts] code", has_text="ops")).to_be_visible()
    provider.add("fay", "dev")
    wait_until(lambda: groups_of(company, "fay") == ["dev"], lambda: f"the groups are {groups_of(company, 'fay')}", LOST)
    stranger.reload()
    expect(stranger.locator("[data-facts] code")).to_have_text(["dev"])


def test_a_person_who_is_gone_is_signed_out(stranger: Page, provider: IdentityProvider, company: Server) -> None:
    provider.add("gus", "dev")
    sign_in(stranger, "gus")
    stranger.wait_for_url("**/dashboard/account")
    provider.remove("gus")
    cookie = stranger.context.cookies(company.url)

    def is_out() -> bool:
        return not [one for one in Api(company).get("/api/sessions")["items"] if one["user"] == "gus"]

    wait_until(is_out, lambda: f"gus is still signed in, {len(cookie)} cookies", LOST)
    stranger.goto("/dashboard/jobs")
    expect(stranger).to_have_url(re.compile("/sign-in"))


def test_a_disabled_person_is_told_so(stranger: Page, provider: IdentityProvider, company: Server) -> None:
    provider.add("ida", "dev")
    sign_in(stranger, "ida")
    stranger.wait_for_url("**/dashboard/account")
    user = Api(company).get("/api/users?q=ida")["items"][0]
    Api(company).post(f"/api/users/{user['id']}/disable")
    stranger.goto("/dashboard/jobs")
    expect(stranger).to_have_url(re.compile("/sign-in"))
    stranger.get_by_role("link", name="Continue with Company SSO").click()
    # The provider may remember who signed in.
    expect(stranger.get_by_label("Username").or_(stranger.locator("[data-problem]"))).to_be_visible()
    if stranger.get_by_label("Username").is_visible():
        stranger.get_by_label("Username").fill("ida")
        stranger.get_by_label("Password").fill(PASSWORD)
        stranger.get_by_role("button", name="Authorize").click()
    expect(stranger.locator("[data-problem]")).to_be_visible()
    expect(stranger.locator("[data-problem]")).to_contain_text("disabled")


def test_the_link_works_while_the_provider_does_not(company: Server, browser: Browser, tmp_path: Path) -> None:
    dead = ["--oidc-issuer", "http://127.0.0.1:9", "--oidc-client-id", "x", "--oidc-name", "Company SSO"]
    with Server(tmp_path / "alone", "--tendrils", "0", *dead) as server:
        context = browser.new_context(base_url=server.url)
        page = context.new_page()
        page.goto("/sign-in")
        page.get_by_role("link", name="Continue with Company SSO").click()
        expect(page.locator("[data-problem]")).to_contain_text("does not answer")
        assert server.link
        page.goto(server.link)
        page.wait_for_url("**/dashboard/jobs")
        context.close()


def test_an_invited_person_chooses_a_password(stranger: Page, company: Server, browser: Browser) -> None:
    made = Api(company).post("/api/users", {"name": "hal"})
    stranger.goto(made["url"])
    expect(stranger.get_by_role("heading", name="Welcome, hal")).to_be_visible()
    assert "invitation" not in stranger.url
    form = stranger.locator("form[data-invitation]")
    form.get_by_label("Password").fill("short")
    stranger.get_by_role("button", name="Create account").click()
    expect(stranger.locator("[data-invitation-error]")).to_be_visible()
    expect(stranger.locator("[data-invitation-error]")).to_contain_text("12 to 256")
    form.get_by_label("Password").fill("a long enough password")
    stranger.get_by_role("button", name="Create account").click()
    stranger.wait_for_url("**/dashboard/jobs", timeout=SLOW)
    other = browser.new_context(base_url=company.url)
    page = other.new_page()
    page.goto(made["url"])
    expect(page.get_by_text("was used before")).to_be_visible()
    page.goto("/sign-in")
    page.get_by_text("Use a local account").click()
    form = page.locator("form[data-password]")
    form.get_by_label("Name").fill("HAL")
    form.get_by_label("Password").fill("wrong wrong wrong")
    form.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-password-error]")).to_be_visible(timeout=SLOW)
    expect(page.locator("[data-password-error]")).to_contain_text("Wrong name or password")
    form.get_by_label("Password").fill("a long enough password")
    form.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/jobs", timeout=SLOW)
    other.close()
