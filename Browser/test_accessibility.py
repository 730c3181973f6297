"""WCAG 2.2 AA as far as axe-core can tell, in both themes and at both ends of the widths."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from harness import Api, SimulatedTendril, shell
from job_page import JobPage
from watcher import Watcher

TAGS = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
LOOKS = [
    {"color_scheme": "light"}, {"color_scheme": "dark"},
    {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
    {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
]
IDS = ["light-1280", "dark-1280", "light-360", "dark-360"]


# A color on its way from one to the other is neither. What turns for good is left alone.
SETTLED = """() => Promise.all(document.getAnimations()
  .filter(animation => animation.effect.getComputedTiming().endTime !== Infinity)
  .map(animation => animation.finished.catch(() => {})))"""


def check(page: Page) -> None:
    page.evaluate(SETTLED)
    results = Axe().run(page, options=TAGS).response
    found = [
        f"{v['id']} ({v['impact']}): {v['help']}\n" + "\n".join(f"    {' '.join(map(str, n['target']))}: {n['failureSummary']}" for n in v["nodes"][:3])
        for v in results["violations"]
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
@pytest.mark.parametrize("ending", ["planned", "deployed", "failed"])
def test_L9_job_page_that_has_ended(page: Page, request: pytest.FixtureRequest, ending: str, options) -> None:
    record = request.getfixturevalue(ending)
    JobPage(page, record["job"]["id"]).open().is_complete()
    check(page)


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_L9_job_page_at_work(page: Page, api: Api, gate, options) -> None:
    go = gate()
    vine = api.vine(shell(f"for i in $(seq 1 200); do echo row-$i; done; {go.wait}"))
    job = api.deploy(vine["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(view.with_text("): row-200")).to_be_visible(timeout=30_000)
    page.evaluate("location.hash = '#L60-L64'")
    expect(view.log.locator("[data-sel]").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("row-5")
    expect(view.hits).to_have_text(re.compile(" of "))
    check(page)
    JobPage(page, api.job("PLAN", vine["id"])["id"]).open().shows("QUEUED")
    check(page)
    go.open()


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_A4_popover(page: Page, planned, options) -> None:
    view = JobPage(page, planned["job"]["id"]).open().is_complete()
    view.button("Apply").click()
    expect(page.get_by_role("button", name="Start DEPLOY")).to_be_enabled()
    check(page)


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_A2_a_plan_that_cannot_be_applied(page: Page, api: Api, options) -> None:
    vine = api.vine(shell("echo x"))
    plan = api.plan(vine["id"])
    api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "us-east-1"})
    view = JobPage(page, plan["id"]).open().is_complete()
    check(page)
    view.button("Apply").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Plan current configuration")).to_be_visible()
    check(page)


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_B1_states_that_are_held(page: Page, api: Api, options) -> None:
    tendril = SimulatedTendril(api).beat()
    vine = api.vine(shell("echo x"))
    work = tendril.claim(api.job("DESTROY", vine["id"], assigned_worker_id=tendril.id)["id"])
    view = JobPage(page, work.id).open().shows("CLAIMED")
    check(page)
    work.start()
    api.post(f"/api/jobs/{work.id}/cancel")
    view.shows("CANCELLED")
    check(page)
    work.report(engine_state="GONE", log={"incomplete": "the middle was given up"})
    expect(view.banner).to_contain_text("log incomplete")
    check(page)
    view.button("Re-run").click()
    expect(page.get_by_role("dialog", name=re.compile("Re-run"))).to_be_visible()
    check(page)
    queued = api.job("PLAN", vine["id"], assigned_worker_id=SimulatedTendril(api).id)
    JobPage(page, queued["id"]).open().shows("QUEUED")
    expect(view.button("Change to any available")).to_be_visible()
    check(page)
    api.post(f"/api/jobs/{queued['id']}/cancel")


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
def test_D_details_open(page: Page, deployed, options) -> None:
    view = JobPage(page, deployed["job"]["id"]).open().is_complete()
    for name in ("Job Details", "Config Snapshot", "Execution Metadata"):
        view.details(name).locator("summary").click()
    check(page)


@pytest.mark.parametrize("options", LOOKS, ids=IDS)
@pytest.mark.parametrize("path", ["/dashboard/jobs", "/dashboard/vines", "/dashboard/tendrils", "/dashboard/api", "/sign-in", "/nope"])
def test_other_pages(page: Page, planned, path: str, options, watcher: Watcher) -> None:
    watcher.network_may_fail = path == "/nope"
    page.goto(path)
    expect(page.locator("main")).to_be_visible()
    check(page)


@pytest.mark.parametrize("options", LOOKS[:2], ids=IDS[:2])
def test_vine_form_and_dialogs(page: Page, planned, options) -> None:
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("File content").fill('variable "size" {\n  type = number\n}\nvariable "key" {\n  sensitive = true\n}\n')
    page.get_by_role("button", name="Add a variable").click()
    page.get_by_role("button", name="Add a sensitive variable").click()
    page.locator("[data-declared] button").first.click()
    page.locator('[data-pairs="variables"]').get_by_label("Value", exact=True).last.fill("none")
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("[data-form-error]")).to_be_visible()
    check(page)
    page.locator("[data-form-close]").click()
    page.get_by_role("button", name="Plan", exact=True).first.click()
    expect(page.get_by_role("button", name="Start PLAN")).to_be_enabled()
    check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Account").click()
    check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More actions").first.click()
    check(page)
    page.get_by_role("menuitem", name="Destroy").click()
    expect(page.get_by_role("dialog", name=re.compile("Destroy"))).to_be_visible()
    check(page)
