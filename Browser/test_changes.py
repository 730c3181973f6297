"""The view Changes of a plan: what it does to each resource, and why."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from harness import Api, SimulatedJob, SimulatedTendril
from job_page import JobPage
from test_accessibility import IDS, LOOKS, check

FIRST = """
variable "password" {
  sensitive = true
  default   = "correct-horse-battery"
}
resource "terraform_data" "updated" {
  input = { size = 1, text = "one\\ntwo\\nthree\\n", list = ["b", "a", "c"], json = jsonencode({ a = 1, b = [1] }) }
}
resource "terraform_data" "replaced" {
  input            = "same"
  triggers_replace = ["v1"]
}
resource "terraform_data" "deleted" { input = "bye" }
resource "terraform_data" "secret" { input = { user = "ana", password = var.password } }
resource "terraform_data" "old_name" { input = "x" }
output "size" { value = terraform_data.updated.input.size }
"""
SECOND = """
variable "password" {
  sensitive = true
  default   = "correct-horse-battery-2"
}
resource "terraform_data" "updated" {
  input = { size = 2, text = "one\\n2\\nthree\\n", list = ["b", "c", "d"], json = jsonencode({ a = 2, b = [1] }) }
}
resource "terraform_data" "replaced" {
  input            = "same"
  triggers_replace = ["v2"]
}
resource "terraform_data" "secret" { input = { user = "ben", password = var.password } }
moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}
resource "terraform_data" "new_name" { input = "x" }
resource "terraform_data" "created" { input = [terraform_data.replaced.id, "known"] }
output "size" { value = terraform_data.updated.input.size }
"""


@pytest.fixture(scope="session")
def changed(api: Api) -> Any:
    """A PLAN of a real engine with most kinds of changes, and its vine."""
    vine = api.vine(FIRST)
    api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    api.call("PATCH", f"/api/vines/{vine['id']}", {"source": {"type": "inline", "files": {"main.tf": SECOND}}})
    return {"vine": vine, "job": api.plan(vine["id"])}


def many(count: int) -> list[dict[str, Any]]:
    def change(i: int) -> dict[str, Any]:
        module = f'module.tenant["t-{i % 625:03}"]'
        action = "replace_delete_first" if i < 3 else "delete" if i < 10 else "update" if i < count // 5 else "create"
        leaf = {"path": "tags.owner", "key": "owner", "depth": 2, "action": "update", "before": f"old-{i}", "after": f"new-{i}", "sensitive": False, "unknown": False}
        outline = [{"at": 0, "path": "tags", "key": "tags", "depth": 1, "kind": "map", "action": "update"}]
        return {"address": f"{module}.aws_instance.web[{i}]", "module": module, "action": action, "attributes": ["tags"],
                "detail": {"diff": [leaf], "outline": outline}}

    return [change(i) for i in range(count)]


class ChangesPage:
    def __init__(self, page: Page, job: str) -> None:
        self.page, self.job = page, job
        self.panel = page.locator('[data-panel="changes"]')
        self.rows = self.panel.locator("[data-resource]")
        self.input = page.get_by_role("searchbox", name="Filter by address")

    def open(self, more: str = "") -> "ChangesPage":
        self.page.goto(f"/dashboard/jobs/{self.job}?view=changes{more}")
        expect(self.panel).to_be_visible()
        return self

    def row(self, address: str) -> Locator:
        return self.page.locator(f"[data-resource='{address}']")

    def opened(self, address: str) -> Locator:
        row = self.row(address)
        if row.get_attribute("open") is None:
            row.locator("summary").click()
        expect(row.locator(".d").first).to_be_visible()
        return row

    def heads(self) -> list[str]:
        expect(self.panel.locator(".grp-head").first).to_be_visible()
        return self.panel.locator(".grp-head h2").all_inner_texts()

    def scroll_to(self, y: int) -> None:
        self.panel.locator(".scroll").evaluate("(scroll, y) => { scroll.scrollTop = y; }", y)


def test_the_changes_of_a_real_plan(page: Page, api: Api, changed) -> None:
    view = ChangesPage(page, changed["job"]["id"]).open()
    expect(view.row("terraform_data.replaced")).to_have_attribute("data-action", "replace_delete_first")
    assert view.heads() == ["Replace", "Delete", "Update in place", "Create", "Move", "Outputs"]
    expect(view.row("terraform_data.replaced")).to_contain_text("must be replaced: triggers_replace forces replacement")
    expect(view.row("terraform_data.deleted")).to_contain_text("will be destroyed: it is not in the configuration")
    expect(view.row("terraform_data.new_name")).to_contain_text("moved from terraform_data.old_name")
    updated = view.opened("terraform_data.updated")
    expect(updated.locator(".d", has_text="size1→2")).to_be_visible()
    expect(updated.locator(".d[data-d='-']", has_text='"a"')).to_contain_text("[1]")
    expect(updated.locator(".d[data-d='+']", has_text='"d"')).to_contain_text("[2]")
    expect(updated.locator(".d", has_text="jsonJSON")).to_contain_text("compared by structure")
    expect(updated.locator(".d.wide[data-d='-']")).to_contain_text("two")
    expect(updated.locator(".d", has_text="output{")).to_contain_text("(known after apply)")
    secret = view.opened("terraform_data.secret")
    expect(secret.locator(".d", has_text="password").first).to_contain_text("value changes")
    expect(secret).not_to_contain_text("horse")
    created = view.opened("terraform_data.created")
    expect(created.locator(".d", has_text="[0]").first).to_contain_text("(known after apply)")
    # Nothing sensitive is in what the page was given.
    numbers = [item["n"] for item in api.get(f"/api/jobs/{view.job}/plan")["items"]]
    given = [api.get(f"/api/jobs/{view.job}/plan/resources/{n}") for n in numbers]
    assert "horse" not in repr(given)


def test_an_apply_shows_what_its_plan_changes(page: Page, api: Api) -> None:
    vine = api.vine('resource "terraform_data" "a" {\n  input = 1\n}\n')
    deploy = api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    view = ChangesPage(page, deploy["id"]).open()
    expect(view.row("terraform_data.a")).to_have_attribute("data-action", "create")
    destroy = api.wait(api.job("DESTROY", vine["id"])["id"], "SUCCESS", log=True)
    ChangesPage(page, destroy["id"]).open()
    expect(view.row("terraform_data.a")).to_have_attribute("data-action", "delete")
    expect(view.opened("terraform_data.a").locator(".d", has_text="input")).to_contain_text("1")


def test_the_switch_keeps_the_log(page: Page, planned) -> None:
    view = JobPage(page, planned["job"]["id"]).open().is_complete()
    changes = ChangesPage(page, view.job)
    expect(page.locator("[data-view=log]")).to_have_attribute("aria-current", "page")
    before = view.scroll()["top"]
    page.keyboard.press("2")
    expect(changes.rows).to_have_count(3)
    expect(view.log).to_be_hidden()
    assert page.url.endswith("?view=changes")
    # Keys of the log do nothing here.
    page.keyboard.press("w")
    page.keyboard.press("1")
    expect(view.log).to_be_visible()
    expect(view.line(1)).to_be_visible()
    assert abs(view.scroll()["top"] - before) < 2
    page.go_back()
    expect(changes.panel).to_be_visible()
    page.locator("[data-view=log]").click()
    expect(view.log).to_be_visible()


def test_the_log_loads_nothing_of_the_changes(page: Page, planned) -> None:
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    JobPage(page, planned["job"]["id"]).open().is_complete()
    assert not [url for url in seen if "/changes/" in url or url.endswith("/plan")], "\n".join(seen)


def test_a_page_that_opens_on_the_changes_has_them(page: Page, changed) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    view = ChangesPage(page, changed["job"]["id"]).open()
    expect(view.row("terraform_data.replaced")).to_be_visible()
    assert not [url for url in asked if re.search(r"/plan(\?|$)", url)], asked
    # The log was not drawn meanwhile; it is once it is shown.
    page.locator('[data-view="log"]').click()
    expect(JobPage(page, view.job).with_text("Terraform will perform the following actions").first).to_be_visible()
    expect(page.locator('[data-pane="job"]')).to_contain_text(view.job)


def test_filters_and_their_address(page: Page, changed) -> None:
    view = ChangesPage(page, changed["job"]["id"]).open()
    expect(view.row("terraform_data.created")).to_be_visible()
    view.panel.locator("button[data-action=create]").click()
    expect(view.row("terraform_data.created")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"action=replace%2Cdelete%2Cupdate%2Cother"))
    page.keyboard.press("/")
    page.keyboard.type("SECRET")
    expect(view.rows).to_have_count(1)
    page.reload()
    expect(view.rows).to_have_count(1)
    expect(view.input).to_have_value("SECRET")
    view.input.fill("nothing like it")
    expect(view.panel).to_contain_text("All changes are hidden by the filters")
    page.get_by_role("button", name="Clear the filters").click()
    expect(view.row("terraform_data.created")).to_be_visible()


def test_a_permalink_opens_its_resource(page: Page, changed) -> None:
    view = ChangesPage(page, changed["job"]["id"]).open("#terraform_data.deleted")
    row = view.row("terraform_data.deleted")
    expect(row.locator(".d").first).to_be_visible()
    expect(row).to_have_attribute("data-at", "")
    expect(view.row("terraform_data.updated")).not_to_have_attribute("open", "")


def test_keyboard(page: Page, changed) -> None:
    view = ChangesPage(page, changed["job"]["id"]).open()
    expect(view.rows.first).to_be_visible()
    page.keyboard.press("j")
    expect(view.rows.nth(0).locator("summary")).to_be_focused()
    page.keyboard.press("j")
    expect(view.rows.nth(1).locator("summary")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(view.rows.nth(1).locator(".d").first).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(view.rows.nth(1).locator(".d")).to_have_count(0)
    page.keyboard.press("k")
    expect(view.rows.nth(0).locator("summary")).to_be_focused()
    # One tab stop for the whole list.
    assert view.panel.locator('summary[tabindex="0"]').count() == 1


def test_copies_text_and_markdown(page: Page, changed) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view = ChangesPage(page, changed["job"]["id"]).open()
    view.opened("terraform_data.secret")
    view.panel.get_by_role("button", name="Copy as text", exact=True).click()
    expect(page.locator("[data-announce]")).to_have_text("Copied as text")
    text = page.evaluate("navigator.clipboard.readText()")
    assert "-/+ terraform_data.replaced  # must be replaced: triggers_replace forces replacement" in text
    assert 'user = "ana" -> "ben"' in text and "horse" not in text
    view.panel.locator(".tools").get_by_role("button", name="Copy as Markdown").click()
    expect(page.locator("[data-announce]")).to_have_text("Copied as Markdown")
    text = page.evaluate("navigator.clipboard.readText()")
    assert "### Delete (1)" in text and "- `terraform_data.deleted`: will be destroyed:" in text and "```diff" in text


def test_apply_names_what_it_destroys(page: Page, changed) -> None:
    view = JobPage(page, changed["job"]["id"]).open().is_complete()
    view.button("Apply").click()
    box = page.locator("[data-pop-harm]")
    expect(box).to_be_visible()
    expect(box).to_contain_text("Destroys 2 resources")
    expect(box.locator("li")).to_have_count(2)
    expect(box).to_contain_text("terraform_data.replaced")
    expect(box).to_contain_text("terraform_data.deleted")


@pytest.fixture
def tendril(api: Api) -> SimulatedTendril:
    return SimulatedTendril(api)


def finished(work: SimulatedJob) -> SimulatedJob:
    work.report(status="FAILED", engine_state="GONE", log={"incomplete": "simulated"})
    return work


def test_five_thousand_resources(page: Page, tendril: SimulatedTendril) -> None:
    work = finished(tendril.start().plan(many(5_000)))
    view = ChangesPage(page, work.id).open()
    expect(view.panel.locator("button[data-action=create] .n")).to_have_text("4,000")
    expect(view.panel.locator("button[data-action=delete] .n")).to_have_text("7")
    assert view.heads()[:2] == ["Replace", "Delete"]
    # All of it is there, and little of it is in the document.
    page.wait_for_function("() => document.querySelector('.changes .scroll').scrollHeight > 5000 * 31")
    view.scroll_to(10_000_000)
    last = view.row('module.tenant["t-624"].aws_instance.web[4999]')
    expect(last).to_be_visible()
    assert view.rows.count() < 100 and view.panel.locator("*").count() < 3_000
    expect(view.panel.locator(".grp-head h2").first).to_have_text("Create")
    last.locator("summary").click()
    expect(last.locator(".d", has_text="owner")).to_contain_text('"old-4999"→"new-4999"')
    expect(last.locator(".d", has_text="owner")).to_be_visible()
    # What was opened is still open after it was out of view.
    view.scroll_to(0)
    expect(view.row('module.tenant["t-000"].aws_instance.web[0]')).to_be_visible()
    expect(last).to_have_count(0)
    view.scroll_to(10_000_000)
    expect(last.locator(".d", has_text="owner")).to_be_visible()
    view.input.fill("web[123]")
    expect(view.rows).to_have_count(1)


def test_a_plan_that_arrives_while_the_page_is_open(page: Page, tendril: SimulatedTendril) -> None:
    work = tendril.start()
    view = ChangesPage(page, work.id).open()
    expect(view.panel).to_contain_text("The changes appear here once the plan is made.")
    work.plan([{"address": "x.a", "action": "create"}])
    finished(work)
    expect(view.row("x.a")).to_be_visible(timeout=30_000)


def test_hostile_names_are_text(page: Page, tendril: SimulatedTendril) -> None:
    name = 'x.a["<img src=x onerror=alert(1)>\u202e"]'
    leaf = {"path": "k", "key": "<b>k</b>", "depth": 1, "action": "create", "after": "<script>alert(1)</script>", "sensitive": False, "unknown": False}
    work = finished(tendril.start().plan([{"address": name, "action": "create", "type": "x", "reason": "<i>odd_reason</i>", "detail": {"diff": [leaf]}}]))
    view = ChangesPage(page, work.id).open()
    view.rows.first.locator("summary").click()
    expect(view.rows.first).to_contain_text("<b>k</b>")
    expect(view.rows.first).to_contain_text("<script>alert(1)</script>")
    assert view.panel.locator("img, script, b, i:not([aria-hidden])").count() == 0


def test_only_what_differs_from_the_earlier_plan(page: Page, api: Api, tendril: SimulatedTendril) -> None:
    vine = api.vine()
    first = tendril.claim(api.job("PLAN", vine["id"], assigned_worker_id=tendril.id)["id"]).start()
    finished(first.plan([
        {"address": "x.same", "action": "create", "digest": "1"}, {"address": "x.other", "action": "update", "digest": "2"},
        {"address": "x.gone", "action": "create", "digest": "3"}]))
    second = tendril.claim(api.job("PLAN", vine["id"], assigned_worker_id=tendril.id)["id"]).start()
    finished(second.plan([
        {"address": "x.other", "action": "delete", "digest": "4"}, {"address": "x.same", "action": "create", "digest": "1"},
        {"address": "x.new", "action": "create", "digest": "5"}]))
    view = ChangesPage(page, second.id).open(f"&with={first.id}")
    expect(view.rows).to_have_count(3)
    assert view.heads() == ["New", "Different", "Gone"]
    expect(view.panel).to_contain_text("1 new, 1 different, 1 gone, 1 the same")
    expect(view.row("x.same")).to_have_count(0)
    page.get_by_role("button", name="Show the whole plan").click()
    expect(view.row("x.same")).to_be_visible()


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_changes_are_accessible(page: Page, changed, options) -> None:
    view = ChangesPage(page, changed["job"]["id"]).open()
    for address in ("terraform_data.replaced", "terraform_data.deleted"):
        view.opened(address)
    check(page)
    view.scroll_to(100_000)
    view.opened("terraform_data.created")
    check(page)
    JobPage(page, view.job).open().is_complete().button("Apply").click()
    expect(page.locator("[data-pop-harm]")).to_be_visible()
    expect(page.locator("[data-pop-start]")).to_be_enabled()
    check(page)
