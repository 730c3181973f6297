"""Who may do what: a viewer, a planner and an administrator in one installation."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from harness import Api, Server


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
