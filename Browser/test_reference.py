"""The reference of the API, /dashboard/api."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from harness.api import Api


def test_it_shows_every_call_of_the_document(page: Page, api: Api) -> None:
    document = api.get("/api/openapi.json")
    operations = {call["operationId"] for calls in document["paths"].values() for call in calls.values()}
    page.goto("/dashboard/api")
    expect(page.get_by_role("heading", name="API", exact=True)).to_be_visible()
    shown = page.locator("details.call").evaluate_all("nodes => nodes.map(node => node.id)")
    objects = {name for name in shown if name.startswith("object-")}
    assert set(shown) - objects == operations
    assert {name.removeprefix("object-") for name in objects} == set(document["components"]["schemas"])


def test_a_link_opens_what_it_leads_to(page: Page) -> None:
    page.goto("/dashboard/api#createVine")
    call = page.locator("#createVine")
    expect(call).to_have_attribute("open", "")
    expect(call).to_contain_text("Needs the permission vines:write.")
    expect(call.get_by_role("row", name=re.compile("Idempotency-Key"))).to_be_visible()
    # A value that is no object of its own leads nowhere.
    expect(call.get_by_role("row", name=re.compile("project_name")).get_by_role("link")).to_have_count(0)
    call.get_by_role("link", name="VineResponse").click()
    vine = page.locator("#object-VineResponse")
    expect(vine).to_have_attribute("open", "")
    expect(vine.get_by_role("row", name=re.compile("lock LockResponse"))).to_be_visible()


def test_it_fits_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/dashboard/api#updateVine")
    expect(page.locator("#updateVine")).to_have_attribute("open", "")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
