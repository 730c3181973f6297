"""A1–A4: Cancel, Apply, Re-run and the Tendril Select Popover."""

import re

from playwright.sync_api import BrowserContext, Page, expect

from harness import Api, shell
from job_page import JobPage


def test_A1_cancel_a_queued_job(page: Page, api: Api, gate) -> None:
    go = gate()
    vine = api.vine(shell(go.wait))
    running = api.deploy(vine["id"])
    api.wait(running["id"], "PROCESSING")
    view = JobPage(page, api.job("PLAN", vine["id"])["id"]).open().shows("QUEUED")
    view.button("Cancel").click()
    view.shows("CANCELLED")
    expect(view.banner).to_have_attribute("data-banner", "CANCELLED")
    expect(view.banner).to_contain_text(re.compile("Cancelled by "))
    expect(view.button("Cancel")).to_be_hidden()
    expect(view.button("Re-run")).to_be_visible()
    expect(view.duration).to_have_text(re.compile("^waited "))


def test_A1_cancel_a_running_job_says_still_stopping_then_the_verdict(page: Page, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(f"echo started-$((1 + 1)); {go.wait}"))["id"])
    view = JobPage(page, job["id"]).open().shows("PROCESSING")
    expect(view.with_text("): started-2")).to_be_visible()
    # An engine may stop within a blink: every text that the strip ever has is kept.
    page.evaluate(
        """() => { const strip = document.querySelector('[data-strip]'); window.said = [];
          new MutationObserver(() => window.said.push(`${strip.dataset.banner}: ${strip.innerText}`)).observe(strip, { attributes: true, childList: true, subtree: true }); }""")
    view.button("Cancel").click()
    view.shows("CANCELLED", timeout=3000)
    fixed = view.duration.inner_text()
    go.open()
    view.is_complete()
    expect(view.banner).not_to_contain_text("still stopping")
    said = page.evaluate("window.said")
    assert any("CANCELLED: Cancelled by " in text and "Terraform is still stopping" in text for text in said), said
    expect(view.duration).to_have_text(fixed)
    assert api.get(f"/api/jobs/{view.job}")["engine_state"] == "GONE"


def test_A1_names_the_canceling_user(context: BrowserContext, api: Api, gate) -> None:
    go = gate()
    job = api.deploy(api.vine(shell(go.wait))["id"])
    view = JobPage(context.new_page(), job["id"]).open().shows("PROCESSING")
    cancelled = api.post(f"/api/jobs/{job['id']}/cancel")
    view.shows("CANCELLED", timeout=5000)
    expect(view.banner).to_contain_text(f"Cancelled by {cancelled['cancelled_by']}")
    go.open()


def test_A2_apply_makes_a_deploy_of_exactly_that_plan(page: Page, api: Api) -> None:
    plan = api.plan(api.vine(shell("echo applied-$((1 + 1))"))["id"])
    view = JobPage(page, plan["id"]).open().shows("SUCCESS")
    view.button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    expect(popover).to_contain_text("+1 add")
    expect(popover).to_contain_text("~0 change")
    expect(popover).to_contain_text("−0 destroy")
    popover.get_by_role("button", name="Start DEPLOY").click()
    page.wait_for_url(lambda url: "/dashboard/jobs/" in url and plan["id"] not in url)
    deploy = JobPage(page, page.url.rsplit("/", 1)[1])
    deploy.shows("SUCCESS")
    assert api.get(f"/api/jobs/{deploy.job}")["plan_job_id"] == plan["id"]
    expect(deploy.with_text("): applied-2")).to_be_visible()

    # It is used up, and its page says so before anybody clicks.
    JobPage(page, plan["id"]).open()
    expect(view.banner).to_contain_text("Applied by job")
    expect(view.banner.get_by_role("link", name=deploy.job[:8])).to_have_attribute("href", f"/dashboard/jobs/{deploy.job}")
    view.button("Apply").click()
    expect(popover).to_contain_text(f"Already applied by job {deploy.job[:8]}")
    expect(popover.get_by_role("button", name="Start DEPLOY")).to_be_disabled()


def test_A2_refuses_plan_that_became_stale(page: Page, api: Api) -> None:
    vine = api.vine(shell("echo one"))
    plan = api.plan(vine["id"])
    view = JobPage(page, plan["id"]).open().shows("SUCCESS")
    expect(view.banner).to_contain_text("Ready to apply. Nothing has changed since this plan.")
    api.call("PATCH", f"/api/vines/{vine['id']}", {"variables": {"other": "value"}})
    view.button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    expect(popover).to_contain_text("The vine changed after this plan")
    expect(popover.get_by_role("button", name="Start DEPLOY")).to_be_disabled()


def test_A2_only_for_a_plan_that_succeeded(page: Page, deployed, failed) -> None:
    for record in (deployed, failed):
        view = JobPage(page, record["job"]["id"]).open()
        expect(view.button("Re-run")).to_be_visible()
        expect(view.button("Apply")).to_be_hidden()


def test_A3_rerun_makes_a_linked_job_on_the_same_snapshot(page: Page, api: Api) -> None:
    plan = api.plan(api.vine(shell("echo again"))["id"])
    view = JobPage(page, plan["id"]).open().shows("SUCCESS")
    view.button("Re-run").click()
    page.wait_for_url(lambda url: "/dashboard/jobs/" in url and plan["id"] not in url)
    again = JobPage(page, page.url.rsplit("/", 1)[1]).shows("SUCCESS")
    record = api.get(f"/api/jobs/{again.job}")
    assert record["rerun_of"] == plan["id"]
    assert record["config_snapshot"]["digest"] == plan["config_snapshot"]["digest"]
    again.details("Job Details").locator("summary").click()
    expect(page.get_by_role("region", name="Job Details").get_by_role("link", name=plan["id"][:8])).to_be_visible()
    view.open()
    view.details("Job Details").locator("summary").click()
    expect(page.get_by_role("region", name="Job Details").get_by_role("link", name=again.job[:8])).to_be_visible()


def test_A3_announces_result_of_deploy_rerun(page: Page, api: Api, deployed) -> None:
    note = api.get(f"/api/jobs/{deployed['job']['id']}/apply-check")["rerun_note"]
    assert note
    view = JobPage(page, deployed["job"]["id"]).open()
    assert note == "Creates a new plan; a saved plan applies once."
    expect(view.button("Re-run")).to_have_attribute("title", note)


def test_A4_popover_lists_every_tendril_and_offers_only_those_online(context: BrowserContext, api: Api) -> None:
    offline = f"never-{id(context)}"
    api.post("/api/workers", {"name": offline})
    plan = api.plan(api.vine(shell("echo x"))["id"])
    workers = api.get("/api/workers")["items"]
    # One of each, whatever there is.
    draining = {**workers[0], "id": "00000000-0000-4000-8000-000000000001", "name": "on-its-way-out", "status": "DRAINING"}
    context.route("**/api/workers**", lambda route: route.fulfill(json={"items": [*workers, draining]}))
    page = context.new_page()
    view = JobPage(page, plan["id"]).open().shows("SUCCESS")
    view.button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    choices = popover.get_by_role("radio")
    expect(choices).to_have_count(len(workers) + 2)
    expect(choices.first).to_be_checked()
    expect(popover.locator("label").first).to_contain_text("Any available")
    for worker in [*workers, draining]:
        label = popover.locator("label", has=page.get_by_text(worker["name"], exact=True))
        expect(label.locator(".dot")).to_have_attribute("data-w", worker["status"])
        radio = label.get_by_role("radio")
        expect(radio).to_be_enabled() if worker["status"] == "ONLINE" else expect(radio).to_be_disabled()
        expect(label.locator(".why")).not_to_be_empty()
    dots = {status: popover.locator(f'.dot[data-w="{status}"]').first.evaluate("dot => getComputedStyle(dot).color") for status in ("ONLINE", "DRAINING", "OFFLINE")}
    assert len(set(dots.values())) == 3


def test_A4_the_choice_is_the_assigned_worker(page: Page, api: Api) -> None:
    plan = api.plan(api.vine(shell("echo x"))["id"])
    worker = next(w for w in api.get("/api/workers")["items"] if w["status"] == "ONLINE")
    view = JobPage(page, plan["id"]).open().shows("SUCCESS")
    view.button("Apply").click()
    popover = page.get_by_role("dialog", name=re.compile("Apply plan"))
    popover.locator("label", has=page.get_by_text(worker["name"], exact=True)).click()
    with page.expect_request("**/apply") as request:
        popover.get_by_role("button", name="Start DEPLOY").click()
    assert request.value.post_data_json == {"assigned_worker_id": worker["id"]}
    page.wait_for_url(lambda url: "/dashboard/jobs/" in url and plan["id"] not in url)
    deploy = JobPage(page, page.url.rsplit("/", 1)[1]).shows("SUCCESS")
    assert api.get(f"/api/jobs/{deploy.job}")["assigned_worker_id"] == worker["id"]


def test_A4_popover_by_keyboard(page: Page, planned) -> None:
    view = JobPage(page, planned["job"]["id"]).open().shows("SUCCESS")
    view.button("Apply").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name=re.compile("Any available"))).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name=re.compile("Apply plan"))).to_be_hidden()
    expect(view.button("Apply")).to_be_focused()
