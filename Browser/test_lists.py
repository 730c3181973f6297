"""Around the job's page: jobs, vines, Tendrils, sign-in, errors."""

import re
import uuid

from playwright.sync_api import Browser, BrowserContext, Page, expect

from harness import Api, Server, SimulatedTendril, shell
from watcher import Watcher


def test_jobs_list_shows_filters_and_opens(page: Page, api: Api, failed, planned) -> None:
    page.goto(f"/dashboard/jobs?q={failed['job']['id']}")
    row = page.locator("tr", has_text=failed["job"]["id"][:8])
    expect(row.locator('[data-job-status="FAILED"]')).to_be_visible()
    expect(row).to_contain_text("failing / test")
    page.get_by_label("Search jobs").fill("")
    page.get_by_label("Status").select_option("FAILED")
    expect(page.locator('[data-job-status]:not([data-job-status="FAILED"])')).to_have_count(0)
    expect(page).to_have_url(re.compile("status=FAILED"))
    page.get_by_label("Type").select_option("PLAN")
    page.get_by_label("Status").select_option("")
    expect(page.locator("tbody .kind", has_text="PLAN").first).to_be_visible()
    expect(page.locator("tbody .kind", has_text=re.compile("DEPLOY|DESTROY"))).to_have_count(0)
    page.get_by_label("Type").select_option("")
    page.get_by_label("Search jobs").fill(planned["job"]["id"][:8])
    expect(page.locator("tbody tr")).to_have_count(1)
    page.reload()  # the filters are in the address
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("tbody tr").click()
    expect(page).to_have_url(re.compile(planned["job"]["id"]))


def test_jobs_list_is_live(page: Page, api: Api, gate) -> None:
    go = gate()
    page.goto("/dashboard/jobs")
    job = api.deploy(api.vine(shell(go.wait))["id"])
    row = page.locator("tr", has_text=job["id"][:8])
    expect(row.locator('[data-job-status="PROCESSING"]')).to_be_visible(timeout=15_000)
    go.open()
    expect(row.locator('[data-job-status="SUCCESS"]')).to_be_visible(timeout=30_000)


def test_jobs_list_without_a_match_says_so(page: Page) -> None:
    page.goto("/dashboard/jobs?q=no-such-job-anywhere")
    expect(page.get_by_text("No job matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Show all jobs").click()
    expect(page.locator("tbody tr").first).to_be_visible()


def test_vine_from_pasted_files_is_planned(page: Page, api: Api, watcher: Watcher) -> None:
    watcher.network_may_fail = True  # one try is refused on purpose
    project = f"made-{uuid.uuid4().hex[:6]}"
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill(project)
    page.get_by_label("Stage").fill("staging")
    page.get_by_label("File content").fill('variable "count_of" {}\nresource "terraform_data" "a" {\n  count = var.count_of\n}\n')
    page.get_by_role("button", name="Add a file").click()
    page.get_by_label("File name").nth(1).fill("more.tf")
    page.get_by_label("File content").nth(1).fill('variable "password" {\n  sensitive = true\n}\n')
    page.get_by_role("button", name="Add a variable").click()
    variable = page.locator('[data-pairs="variables"] .pair')
    variable.get_by_label("Name").fill("count_of")
    variable.get_by_label("Value", exact=True).fill("2")
    variable.get_by_label("Kind of value").select_option("json")
    page.get_by_role("button", name="Add a sensitive variable").click()
    secret = page.locator('[data-pairs="sensitive_variables"] .pair')
    secret.get_by_label("Name").fill("password")
    secret.get_by_label("Value").fill("abc")

    # The server refuses the short secret; the form says why, and nothing is lost.
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("[data-form-error]")).to_contain_text("6")
    expect(page.get_by_label("Project")).to_have_value(project)
    expect(secret.get_by_label("Value")).to_have_value("abc")
    expect(secret.get_by_label("Value")).to_have_attribute("type", "password")

    secret.get_by_label("Value").fill("long-enough")
    page.get_by_role("button", name="Create vine").click()
    row = page.locator("tr", has_text=project)
    expect(row).to_be_visible()
    made = next(v for v in api.get("/api/vines")["items"] if v["project_name"] == project)
    assert set(made["source"]["files"]) == {"main.tf", "more.tf"}
    assert made["variables"] == {"count_of": 2} and made["sensitive_variables"] == ["password"]

    row.get_by_role("button", name="Plan").click()
    page.get_by_role("dialog", name=f"Plan {project} / staging").get_by_role("button", name="Start PLAN").click()
    page.wait_for_url("**/dashboard/jobs/*")
    expect(page.locator('[data-job-status="SUCCESS"]')).to_be_visible(timeout=60_000)
    expect(page.locator("[data-banner]")).to_contain_text("2 to add")


def test_vine_files_are_uploaded(page: Page, api: Api) -> None:
    project = f"uploaded-{uuid.uuid4().hex[:6]}"
    page.goto("/dashboard/vines")
    page.get_by_role("button", name="New vine").click()
    page.get_by_label("Project").fill(project)
    page.get_by_label("Stage").fill("staging")
    page.locator("[data-file-upload]").set_input_files([
        {"name": "main.tf", "mimeType": "text/plain", "buffer": b'resource "terraform_data" "a" {}\n'},
        {"name": "picture.png", "mimeType": "image/png", "buffer": b"\x89PNG\xff\xfe"},
    ])
    expect(page.get_by_text("picture.png is not a text file.")).to_be_visible()
    expect(page.get_by_label("File name")).to_have_value("main.tf")
    page.get_by_role("button", name="Create vine").click()
    expect(page.locator("tr", has_text=project)).to_be_visible()


def test_vine_is_edited_and_secrets_stay(page: Page, api: Api) -> None:
    vine = api.vine('variable "password" {\n  sensitive = true\n}\n', sensitive_variables={"password": "long-enough"})
    page.goto("/dashboard/vines")
    page.locator("tr", has_text=vine["project_name"]).get_by_role("button", name="Edit").click()
    page.get_by_label("Stage").fill("changed")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("tr", has_text=f"{vine['project_name']} / changed")).to_be_visible()
    record = api.get(f"/api/vines/{vine['id']}")
    assert record["sensitive_variables"] == ["password"] and record["source"] == vine["source"]


def test_destroy_asks_for_the_name_first(page: Page, api: Api) -> None:
    vine = api.vine(shell("echo made"))
    api.wait(api.deploy(vine["id"])["id"], "SUCCESS")
    page.goto("/dashboard/vines")
    page.locator("tr", has_text=vine["project_name"]).get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Destroy").click()
    dialog = page.get_by_role("dialog", name=re.compile("Destroy"))
    start = dialog.get_by_role("button", name="Start DESTROY")
    expect(start).to_be_disabled()
    field = dialog.get_by_role("textbox")
    field.fill(vine["project_name"])
    expect(start).to_be_disabled()
    field.fill(f"{vine['project_name']} / test")
    start.click()
    page.wait_for_url("**/dashboard/jobs/*")
    expect(page.locator(".kind", has_text="DESTROY").last).to_be_visible()
    expect(page.locator('[data-job-status="SUCCESS"]')).to_be_visible(timeout=60_000)


def test_tendril_is_registered_and_its_token_shown_once(page: Page, api: Api) -> None:
    name = f"tendril-{uuid.uuid4().hex[:6]}"
    page.goto("/dashboard/tendrils")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Register").click()
    once = page.locator("[data-once]")
    expect(once).to_be_visible()
    expect(once).to_contain_text("not shown again")
    token = once.locator("[data-once-token]").inner_text()
    assert len(token) >= 20
    once.get_by_role("button", name="Copy token").click()
    expect(page.locator("[data-announce]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == token
    row = page.locator("tr", has_text=name)
    expect(row.locator('.dot[data-w="OFFLINE"]')).to_be_visible()
    page.reload()
    expect(row).to_be_visible()
    assert token not in page.content()


def test_a_draining_tendril_says_what_that_means(page: Page, api: Api) -> None:
    tendril = SimulatedTendril(api).beat(draining=True)
    page.goto("/dashboard/tendrils")
    state = page.locator("tr", has_text=tendril.name).locator(".c-state")
    expect(state).to_contain_text("DRAINING")
    expect(state).to_contain_text("Takes no new jobs")


def test_tendrils_show_status_slots_and_engines(page: Page, api: Api) -> None:
    page.goto("/dashboard/tendrils")
    worker = next(w for w in api.get("/api/workers")["items"] if w["status"] == "ONLINE")
    row = page.locator("tr", has_text=worker["name"]).first
    expect(row.locator('.dot[data-w="ONLINE"]')).to_be_visible()
    expect(row).to_contain_text(f"of {worker['slots']}")
    expect(row).to_contain_text(worker["engines"][0]["version"])


def test_sign_in_by_token_and_back_to_where_one_was(browser: Browser, server: Server, planned) -> None:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    target = f"/dashboard/jobs/{planned['job']['id']}"
    page.goto(f"/sign-in?next={target}")
    page.get_by_label("API token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("[data-error]")).to_be_visible()
    expect(page.get_by_label("API token")).to_have_value("wrong")
    page.get_by_label("API token").fill(server.token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{target}")
    context.close()


def test_sign_in_goes_nowhere_else(browser: Browser, server: Server) -> None:
    for path in ("//example.com", "https://example.com", "/\\example.com", "javascript:alert(1)"):
        context = browser.new_context(base_url=server.url)
        page = context.new_page()
        page.goto(f"/sign-in?next={path}")
        page.get_by_label("API token").fill(server.token)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/dashboard/jobs")
        assert page.url.startswith(server.url)
        context.close()


def test_sign_in_link_leaves_no_token_in_the_address(browser: Browser, server: Server) -> None:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/sign-in#token=used-up")
    expect(page.locator("[data-error]")).to_be_visible()
    assert "token" not in page.url
    context.close()


def test_sign_in_link_opened_where_the_page_stands_already(browser: Browser, server: Server, api: Api) -> None:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/sign-in")
    # Only the fragment changes: nothing is loaded anew.
    page.goto(api.post("/api/sign-in-links", {"user": "ana"})["url"])
    page.wait_for_url("**/dashboard/jobs")
    context.close()


def test_sign_out_from_the_menu_ends_the_session(browser: Browser, server: Server, api: Api, watcher: Watcher) -> None:
    context = browser.new_context(base_url=server.url)
    context.on("page", watcher.attach)
    page = context.new_page()
    page.goto(api.post("/api/sign-in-links", {"user": "ana"})["url"])
    page.wait_for_url("**/dashboard/jobs")
    session = context.cookies()[0]
    account = page.get_by_role("button", name="Account: ana")
    account.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("End")
    expect(page.get_by_role("menuitem", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(account).to_be_focused()
    account.click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto("/dashboard/jobs")
    expect(page).to_have_url(re.compile("/sign-in"))
    # The session itself has ended, not only this browser's cookie.
    context.add_cookies([session])
    page.goto("/dashboard/jobs")
    expect(page).to_have_url(re.compile("/sign-in"))
    context.close()
    assert not watcher.problems


def test_unknown_job_is_a_page_that_helps(page: Page, watcher: Watcher) -> None:
    watcher.network_may_fail = True
    answer = page.goto(f"/dashboard/jobs/{uuid.uuid4()}")
    assert answer and answer.status == 404
    expect(page.get_by_role("link", name="Go to jobs")).to_be_visible()


def test_theme_is_remembered_and_stands_before_the_first_paint(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/dashboard/jobs")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_role("button", name="Switch theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    second = context.new_page()
    # Looked at as soon as there is a body, that is before modules run.
    second.add_init_script(
        "new MutationObserver((_, o) => { if (document.body) { window.themeAtBody = document.documentElement.dataset.theme; o.disconnect(); } })"
        ".observe(document, { childList: true, subtree: true });")
    second.goto("/dashboard/vines")
    assert second.evaluate("window.themeAtBody") == "dark"


def test_content_policy_allows_nothing_inline(page: Page) -> None:
    answer = page.goto("/dashboard/jobs")
    assert answer
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy
    assert page.locator("[style]:not([style=''])").evaluate_all("nodes => nodes.filter(n => n.closest('main') === null).length") == 0
    for attribute in ("onclick", "onload", "onerror"):
        assert page.locator(f"[{attribute}]").count() == 0
