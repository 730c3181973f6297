"""Who may do what: a viewer, a planner and an administrator in one installation."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness import Api, Server
from harness.chromium import sign_in_by_link
from test_accessibility import check


class Team:
    """An installation with two vineyards, and people with sessions of their own."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.server, self.browser, self.api = server, browser, Api(server)
        self.shop = self.api.post("/api/vineyards", {"name": "shop"})["id"]
        self.bank = self.api.post("/api/vineyards", {"name": "bank"})["id"]
        self.vine = self.api.vine(project="shop", vineyard_id=self.shop)
        self.foreign = self.api.vine(project="bank", vineyard_id=self.bank)

    def grant(self, principal: str, role: str, scope: str) -> Any:
        return self.api.post("/api/grants", {"principal": principal, "role": role, "scope": scope})

    def page(self, user: str) -> Page:
        context = self.browser.new_context(base_url=self.server.url)
        page = context.new_page()
        page.goto(self.api.post("/api/sign-in-links", {"user": user})["url"])
        page.wait_for_url("**/dashboard/jobs")
        return page


@pytest.fixture
def team(other_server: Server, browser: Browser) -> Team:
    return Team(other_server, browser)


def test_a_planner_plans_and_is_told_what_applying_needs(team: Team) -> None:
    team.grant("user:fay", "planner", f"vineyard:{team.shop}")
    plan = team.api.plan(team.vine["id"])
    hidden = team.api.job("PLAN", team.foreign["id"])
    page = team.page("fay")
    page.goto(f"/dashboard/jobs/{plan['id']}")
    apply = page.locator('[data-action="apply"]')
    expect(apply).to_be_visible()
    expect(apply).to_have_attribute("title", re.compile("you need the right jobs:apply"))
    # It is "disabled" for the pointer of the tests, and still says why.
    apply.click(force=True)
    expect(page.get_by_text("The role operator gives it").first).to_be_visible()
    assert page.goto(f"/dashboard/jobs/{hidden['id']}").status == 404
    page.goto("/dashboard/vines")
    expect(page.get_by_text("shop").first).to_be_visible()
    expect(page.get_by_text("bank")).to_have_count(0)


def test_a_state_is_offered_to_those_who_may_download_it(team: Team) -> None:
    vine = team.api.vine('resource "terraform_data" "a" {}', project="states", vineyard_id=team.shop)["id"]
    team.api.wait(team.api.deploy(vine)["id"], "SUCCESS", log=True)
    team.grant("user:eve", "planner", f"vineyard:{team.shop}")
    page = team.page("eve")
    page.goto(f"/dashboard/vines/{vine}")
    expect(page.locator("[data-version]").first).to_be_visible()
    link = page.get_by_role("link", name=re.compile("^Download state serial"))
    expect(link).to_have_count(0)
    team.grant("user:eve", "state:read", f"vineyard:{team.shop}")
    page.reload()
    expect(link.first).to_be_visible()


def test_an_administrator_grants_and_revokes(team: Team) -> None:
    team.grant("user:ana", "admin", "installation")
    page = team.page("ana")
    page.goto(f"/dashboard/access?scope=vineyard:{team.shop}")
    expect(page.locator("[data-you-text]")).to_contain_text("You are admin on Installation")
    form = page.locator("[data-grant]")
    expect(form).to_be_visible()
    form.get_by_label("Name").fill("ben")
    form.get_by_label("Role").select_option("operator")
    form.get_by_role("button", name="Grant").click()
    row = page.locator("[data-rows] tr", has_text="ben")
    expect(row).to_contain_text("operator")
    ben = team.page("ben")
    ben.goto("/dashboard/access")
    expect(ben.locator("[data-you-text]")).to_contain_text("You are operator on shop")
    expect(ben.locator("[data-grant-panel]")).to_be_hidden()
    row.get_by_role("button", name="Revoke").click()
    page.locator("[data-confirm-do]").click()
    expect(row).to_have_count(0)
    ben.reload()
    expect(ben.locator("[data-you-text]")).to_contain_text("You have no role yet")


def test_who_loses_a_team_loses_open_pages(team: Team) -> None:
    team.api.post("/api/teams", {"name": "shop-dev", "members": ["fay"]})
    team.grant("team:shop-dev", "viewer", f"vineyard:{team.shop}")
    plan = team.api.plan(team.vine["id"])
    page = team.page("fay")
    page.goto(f"/dashboard/jobs/{plan['id']}")
    expect(page.locator("[data-strip]")).to_be_visible()
    team.api.call("PATCH", "/api/teams/shop-dev", {"members": []})
    assert page.goto(f"/dashboard/jobs/{plan['id']}").status == 404
    page.goto("/dashboard/jobs")
    expect(page.get_by_text("you need the right jobs:read").first).to_be_visible()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}], ids=["light-1280", "dark-390"])
def test_every_vine_is_found_however_many_there_are(page: Page, other_server: Server) -> None:
    api = Api(other_server)
    shop = api.post("/api/vineyards", {"name": "shop"})["id"]
    last = api.vine(project="needle", vineyard_id=shop)
    for n in range(220):
        api.vine(project=f"hay-{n:03}")
    api.post("/api/grants", {"principal": "user:ben", "role": "operator", "scope": f"vine:{last['id']}"})
    assert other_server.link
    page = sign_in_by_link(page.context, other_server.link)
    page.goto(f"{other_server.url}/dashboard/access")
    places = page.locator("[data-scope]")
    vines = page.locator('[data-scope^="vine:"]')
    expect(vines).to_have_count(20)
    expect(page.locator("[data-place-pager]")).to_contain_text("1 to 20")
    expect(page.get_by_role("button", name="shop", exact=True)).to_be_visible()
    # The oldest vine is on none of the first pages.
    expect(places.filter(has_text="needle")).to_have_count(0)
    page.locator("[data-place-pager]").get_by_role("button", name="Next").click()
    expect(page.locator("[data-place-pager]")).to_contain_text("21 to 40")
    page.get_by_role("searchbox", name="Search vineyards and vines").fill("needle")
    expect(vines).to_have_count(1)
    page.keyboard.press("Tab")
    vines.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-rows] tr", has_text="ben")).to_contain_text("operator")
    expect(vines.first).to_have_attribute("aria-current", "true")
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # The address leads there, whatever is on the first page.
    page.reload()
    expect(page.locator("[data-place-name]")).to_have_text(re.compile("needle"))
    expect(page.locator(f'[data-scope="vine:{last["id"]}"]')).to_have_attribute("aria-current", "true")
    assert page.locator("*").count() < 3000


@pytest.mark.parametrize("options", [
    {"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}},
], ids=["light", "dark", "390"])
def test_the_access_page_is_accessible_and_fits(page: Page, api: Api) -> None:
    api.vine()
    page.goto("/dashboard/access")
    expect(page.locator("[data-rows] tr").first).to_be_visible()
    expect(page.locator('[data-scope^="vine:"]').first).to_be_visible()
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
