"""A vine's own page: outputs, resources and versions of its state, its jobs, variables and lock."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from harness import Api, SimulatedTendril
from job_page import until
from test_accessibility import IDS, LOOKS, check
from watcher import Watcher

PHONE = {"color_scheme": "light", "viewport": {"width": 390, "height": 844}}
# Only the base64 of the second one is in the configuration.
SECRET = "correct-horse-battery-9"
MARKED = "s3cret-value-never-shown"
MAIN = """
variable "password" {
  type      = string
  sensitive = true
}
variable "size" { type = number }
resource "terraform_data" "row" {
  count = var.size
  input = "row ${count.index} of ${var.size}"
}
resource "terraform_data" "secret" { input = var.password }
resource "terraform_data" "marked" { input = { plain = var.size, hidden = sensitive(base64decode("czNjcmV0LXZhbHVlLW5ldmVyLXNob3du")) } }
output "place" { value = "https://example.com/<b>bold</b>?size=${var.size}" }
output "zones" { value = ["a", "b"] }
output "token" {
  value     = "${var.password}-${var.size}"
  sensitive = true
}
"""


@pytest.fixture(scope="module")
def applied(api: Api) -> Any:
    """A vine that was applied twice: two rows, then three."""
    vine = api.vine(
        MAIN, project="orchard <b>", variables={"size": 2}, sensitive_variables={"password": SECRET}, environment={"LEVEL": "debug"},
        sensitive_environment={"CLOUD_KEY": SECRET})
    first = api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    api.call("PATCH", f"/api/vines/{vine['id']}", {"variables": {"size": 3}})
    second = api.wait(api.deploy(vine["id"])["id"], "SUCCESS", log=True)
    versions = api.get(f"/api/vines/{vine['id']}/states")["items"]
    newest = {job: next(v for v in versions if v.get("job_id") == job) for job in (first["id"], second["id"])}
    return {"vine": vine, "first": first, "second": second, "versions": versions,
            "from": newest[first["id"]], "to": newest[second["id"]]}


def open_page(page: Page, vine: Any, query: str = "") -> None:
    page.goto(f"/dashboard/vines/{vine['id']}{query}")
    expect(page.locator("[data-head-state] .badge")).to_be_visible()


def card(page: Page, name: str) -> Locator:
    return page.locator(f'[data-card="{name}"]')


def resource(page: Page, address: str) -> Locator:
    return card(page, "resources").locator(f'[data-resource="{address}"]')


def state(instances: list[dict[str, Any]], serial: int = 1, **more: Any) -> dict[str, Any]:
    return {"version": 4, "terraform_version": "1.15.5", "serial": serial, "lineage": "l", "outputs": {},
            "resources": [{"mode": "managed", "type": "x_service", "name": "web", "provider": "p", "instances": instances}], **more}


def test_an_empty_vine(page: Page, api: Api) -> None:
    vine = api.vine()
    page.goto(f"/dashboard/vines?q={vine['project_name']}")
    page.locator("tr[data-vine]").get_by_role("link", name=re.compile(vine["project_name"])).click()
    expect(page).to_have_url(re.compile(f"/dashboard/vines/{vine['id']}$"))
    expect(page).to_have_title(f"{vine['project_name']} / test · Vintner")
    expect(page.locator("[data-head-state]")).to_have_text("NO JOBS YET")
    expect(page.locator("[data-head-meta]")).to_contain_text("not locked")
    for name in ("outputs", "resources", "states"):
        expect(card(page, name).locator("[data-note]")).to_have_text("There is no state yet. The first apply writes one.")
    expect(card(page, "jobs").locator("[data-note]")).to_contain_text("No jobs yet.")
    expect(card(page, "variables").locator("[data-note]")).to_have_text("This vine has no variables.")
    page.get_by_role("button", name="Plan", exact=True).click()
    page.get_by_role("button", name="Start PLAN").click()
    page.wait_for_url("**/dashboard/jobs/*")
    # The job leads back.
    page.get_by_role("link", name=vine["project_name"]).click()
    expect(page).to_have_url(re.compile(f"/dashboard/vines/{vine['id']}$"))
    expect(card(page, "jobs").locator("[data-job]")).to_have_count(1)


def test_a_vine_that_was_applied_twice(page: Page, api: Api, applied: Any) -> None:
    vine, second = applied["vine"], applied["second"]
    open_page(page, vine)
    expect(page.get_by_role("heading", level=1)).to_have_text("orchard <b>/test")
    expect(page.locator("[data-head-state]")).to_contain_text(f"serial {applied['to']['serial']}")
    expect(page.locator('[data-head-state] [data-job-status="SUCCESS"]')).to_be_visible()
    expect(page.locator("[data-last-job]")).to_have_attribute("data-last-job", second["id"])
    outputs = card(page, "outputs")
    expect(outputs.locator("[data-count]")).to_have_text("3")
    expect(outputs.locator('[data-output="place"] dd')).to_contain_text('"https://example.com/<b>bold</b>?size=3"')
    expect(outputs.locator('[data-output="token"] .mask')).to_be_visible()
    expect(outputs.locator('[data-output="token"] button')).to_have_count(0)
    outputs.get_by_text("[ 2 values ]").click()
    expect(outputs.locator('[data-output="zones"] .json')).to_have_text(re.compile(r'"a",\s+"b"'))
    outputs.get_by_role("button", name="Copy place").click()
    until(page, lambda: page.evaluate("navigator.clipboard.readText()") == "https://example.com/<b>bold</b>?size=3", "the copied output")
    # The rows were replaced or updated by the second job; so were all that name the size.
    expect(card(page, "resources").locator("[data-count]")).to_have_text("5")
    for address, did in (("terraform_data.row[2]", "created"), ("terraform_data.row[0]", "updated"), ("terraform_data.marked", "updated")):
        expect(resource(page, address).locator(".did")).to_have_text(did)
        expect(resource(page, address).locator(".by-job a")).to_have_attribute("href", re.compile(f"/dashboard/jobs/{second['id']}"))
    expect(resource(page, "terraform_data.secret").locator(".did")).to_have_text("created")
    expect(resource(page, "terraform_data.secret").locator(".by-job a")).to_have_text(applied["first"]["id"][:8])
    jobs = card(page, "jobs").locator("[data-job]")
    expect(jobs).to_have_count(4)
    expect(jobs.first).to_have_attribute("data-job", second["id"])
    variables = card(page, "variables")
    expect(variables.locator('[data-variable="size"]')).to_contain_text("3")
    expect(variables.locator('[data-variable="LEVEL"]')).to_contain_text('"debug"')
    for name in ("password", "CLOUD_KEY"):
        expect(variables.locator(f'[data-variable="{name}"] .mask')).to_be_visible()


def test_two_versions_are_compared(page: Page, api: Api, applied: Any) -> None:
    open_page(page, applied["vine"])
    states = card(page, "states")
    before, after = applied["from"], applied["to"]
    compare = states.get_by_role("button", name="Choose two to compare")
    expect(compare).to_be_disabled()
    for version in (after, before):
        row = states.locator(f'[data-version="{version["number"]}"]')
        row.get_by_role("checkbox").check()
        expect(row).to_have_attribute("data-on", "")
    states.get_by_role("button", name=f"Compare {before['serial']} and {after['serial']}").click()
    diff = states.locator("[data-comparison]")
    expect(diff.get_by_role("heading")).to_have_text(f"Serial {before['serial']} to {after['serial']} 1 added, 3 changed, 0 removed")
    expect(page).to_have_url(re.compile(rf"from={before['number']}&to={after['number']}$"))
    row = diff.locator('[data-resource="terraform_data.row[0]"]')
    row.locator("summary").click()
    expect(row.locator(".diff")).to_contain_text('"row 0 of 2"→"row 0 of 3"')
    marked = diff.locator('[data-resource="terraform_data.marked"]')
    marked.locator("summary").click()
    expect(marked.locator(".diff")).to_contain_text("2→3")
    output = diff.locator('[data-output="token"]')
    output.locator("summary").click()
    expect(output.locator(".diff")).to_contain_text("value changes")
    assert SECRET not in page.content() and MARKED not in page.content()
    page.reload()
    expect(diff.get_by_role("heading")).to_contain_text("1 added, 3 changed")
    expect(states.get_by_role("checkbox", checked=True)).to_have_count(2)


def test_no_answer_but_the_download_has_secrets(page: Page, api: Api, applied: Any) -> None:
    path = f"/api/vines/{applied['vine']['id']}"
    answers: list[str] = []
    received: list[Any] = []
    page.on("response", lambda response: received.append(response) if "/api/" in response.url else None)
    pair = f"?from={applied['from']['number']}&to={applied['to']['number']}"
    open_page(page, applied["vine"], pair)
    diff = card(page, "states").locator("[data-comparison]")
    expect(diff.get_by_role("heading")).to_contain_text("3 changed")
    for summary in diff.locator("summary").all():
        summary.click()
    expect(diff.locator(".diff").first).to_be_visible()
    expect(card(page, "outputs").locator('[data-output="token"]')).to_be_visible()
    expect(resource(page, "terraform_data.secret")).to_be_visible()
    # The page keeps asking; what it asked so far is enough.
    answers += [response.text() for response in list(received)]
    assert len(answers) >= 6
    compare = f"{path}/states/{applied['to']['number']}/compare"
    with_first = f"with={applied['from']['number']}"
    for call in (path, f"{path}/outputs", f"{path}/resources", f"{path}/states", f"{compare}?{with_first}"):
        answers.append(api.call("GET", call).text)
    for address in ("terraform_data.secret", "terraform_data.marked", "terraform_data.row[0]"):
        answers.append(api.call("GET", f"{compare}/resource?{with_first}&address={address}").text)
    # From nothing to everything.
    oldest = applied["versions"][-1]["number"]
    if oldest != applied["to"]["number"]:
        answers.append(api.call("GET", f"{compare}/resource?with={oldest}&address=terraform_data.secret", ok=False).text)
    everything = "\n".join([*answers, page.content()])
    assert "row 0 of 3" in everything
    assert SECRET not in everything and MARKED not in everything
    download = api.call("GET", f"{path}/states/{applied['to']['number']}")
    assert SECRET in download.text and MARKED in download.text
    assert "attachment" in download.headers["Content-Disposition"]
    with page.expect_download() as caught:
        card(page, "states").get_by_role("link", name=f"Download state serial {applied['to']['serial']}").first.click()
    assert caught.value.suggested_filename == f"orchard--b--test-{applied['to']['serial']}.tfstate"


def test_ten_thousand_resources_stay_fluid(page: Page, api: Api) -> None:
    vine = api.vine()
    count = 10_000
    api.call("POST", f"/api/vines/{vine['id']}/state", state([{"index_key": n, "attributes": {"id": str(n)}} for n in range(count)]))
    open_page(page, vine)
    resources = card(page, "resources")
    expect(resources.locator("[data-count]")).to_have_text("10,000", timeout=60_000)
    expect(resources.locator(".ty .n")).to_have_text("10,000", timeout=60_000)
    assert resources.locator("[data-resource]").count() <= 80
    longest = resources.locator("[data-scroll]").evaluate(
        """async scroll => {
          let longest = 0;
          for (let top = 0; top <= scroll.scrollHeight; top += scroll.scrollHeight / 40) {
            const start = performance.now();
            scroll.scrollTop = top;
            await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
            longest = Math.max(longest, performance.now() - start);
          }
          return longest;
        }""")
    assert longest < 5000, f"{longest} ms"
    assert resources.locator("[data-resource]").count() <= 80
    page.keyboard.press("/")
    page.keyboard.type("WEB[9999]")
    expect(resources.locator("[data-resource]")).to_have_count(1)
    expect(resource(page, "x_service.web[9999]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(resources.locator(".ty .n")).to_have_text("10,000")


def test_a_state_of_another_form_is_said_to_be_one(page: Page, api: Api) -> None:
    vine = api.vine()
    api.call("POST", f"/api/vines/{vine['id']}/state", state([{"attributes": {}}]))
    api.call("POST", f"/api/vines/{vine['id']}/state", {**state([{"attributes": {}}], serial=2), "version": 5})
    open_page(page, vine, "?from=1&to=2")
    for name in ("outputs", "resources"):
        expect(card(page, name).locator("[data-note]")).to_contain_text("This state has format version 5")
    expect(card(page, "states").locator("[data-version]")).to_have_count(2)
    expect(card(page, "states").locator("[data-comparison]")).to_contain_text("Serial 2: This state has format version 5")
    expect(card(page, "states").get_by_role("link", name="Download state serial 2")).to_be_visible()


def test_news_comes_without_a_reload(page: Page, api: Api) -> None:
    vine = api.vine()
    open_page(page, vine)
    expect(card(page, "outputs").locator("[data-note]")).to_contain_text("no state yet")
    api.call("POST", f"/api/vines/{vine['id']}/state", state([{"attributes": {}}], outputs={"o": {"value": 7, "type": "number"}}))
    expect(card(page, "outputs").locator('[data-output="o"] dd')).to_contain_text("7", timeout=30_000)
    expect(resource(page, "x_service.web")).to_be_visible(timeout=30_000)
    tendril = SimulatedTendril(api).beat()
    api.job("PLAN", vine["id"], assigned_worker_id=tendril.id)
    expect(page.locator('[data-head-state] [data-job-status="QUEUED"]')).to_be_visible(timeout=30_000)


def test_a_lock_is_broken_on_the_page(page: Page, api: Api) -> None:
    vine = api.vine()
    tendril = SimulatedTendril(api).beat()
    work = tendril.claim(api.job("PLAN", vine["id"], assigned_worker_id=tendril.id)["id"]).start()
    tendril.send("POST", f"/api/vines/{vine['id']}/lock", {"ID": f"{work.id}:{work.epoch}", "Who": tendril.name})
    open_page(page, vine)
    meta = page.locator("[data-head-meta]")
    expect(meta).to_contain_text(f"locked by {work.id[:8]}")
    expect(page.get_by_role("button", name="Break lock")).to_have_count(0)
    api.post(f"/api/jobs/{work.id}/cancel")
    work.report(engine_state="GONE", log={"incomplete": "the middle was given up"})
    page.get_by_role("button", name="Break lock").click(timeout=30_000)
    dialog = page.get_by_role("dialog", name=re.compile("Break the lock"))
    dialog.get_by_role("textbox").fill(f"{vine['project_name']}/test")
    dialog.get_by_role("button", name="Break lock").click()
    expect(meta).to_contain_text("not locked")


def test_a_vine_is_deleted_by_name(page: Page, api: Api) -> None:
    vine = api.vine()
    api.call("POST", f"/api/vines/{vine['id']}/state", state([{"attributes": {}}]))
    open_page(page, vine)
    zone = page.get_by_role("region", name="Danger zone")
    expect(zone).to_contain_text("Its resource is not destroyed.")
    zone.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name=re.compile("Delete"))
    dialog.get_by_role("textbox").fill(f"{vine['project_name']} / test")
    dialog.get_by_role("button", name="Delete vine").click()
    page.wait_for_url("**/dashboard/vines")
    assert api.call("GET", f"/api/vines/{vine['id']}", ok=False).status_code == 404


def test_two_people_edit_one_vine(page: Page, api: Api, watcher: Watcher) -> None:
    watcher.network_may_fail = True  # The browser reports the refusal.
    vine = api.vine()
    open_page(page, vine)
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_label("Region")).to_have_value("eu-west-1")
    api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "eu-2"})
    page.get_by_label("Region").fill("eu-3")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("[data-form-error]")).to_contain_text("it has revision 2, and your change is based on revision 1")
    assert api.get(f"/api/vines/{vine['id']}")["region"] == "eu-2"
    response = api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "eu-4"}, ok=False, headers={"If-Match": '"1"'})
    assert response.status_code == 412, response.text
    assert api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "eu-4"}, headers={"If-Match": '"2"'}).ok


def test_the_lists_lead_to_the_page(page: Page, api: Api, applied: Any) -> None:
    page.goto(f"/dashboard/jobs?q={applied['second']['id']}")
    page.get_by_role("row", name=re.compile("DEPLOY")).get_by_role("link", name=re.compile("orchard")).click()
    expect(page).to_have_url(re.compile(f"/dashboard/vines/{applied['vine']['id']}$"))
    card(page, "jobs").locator("[data-job]").first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"/dashboard/jobs/{applied['second']['id']}"))


def test_the_keyboard_reaches_everything(page: Page, api: Api, applied: Any) -> None:
    open_page(page, applied["vine"], f"?from={applied['from']['number']}&to={applied['to']['number']}")
    diff = card(page, "states").locator("[data-comparison]")
    expect(diff.locator("summary").first).to_be_visible()
    expect(card(page, "resources").locator("[data-count]")).to_have_text("5")
    diff.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(diff.locator("details[open] .diff")).to_be_visible()
    page.keyboard.press("Enter")
    expect(diff.locator("details[open]")).to_have_count(0)
    page.keyboard.press("/")
    expect(page.get_by_label("Filter by address")).to_be_focused()
    page.keyboard.type("ROW[1]")
    expect(card(page, "resources").locator("[data-resource]")).to_have_count(1)
    box = card(page, "states").get_by_role("checkbox").first
    box.focus()
    was = box.is_checked()
    page.keyboard.press("Space")
    expect(card(page, "states").get_by_role("checkbox").first).to_be_checked(checked=not was)
    expect(card(page, "states").get_by_role("checkbox").first).to_be_focused()


@pytest.mark.parametrize("options", [*LOOKS, PHONE], ids=[*IDS, "light-390"])
def test_the_page_is_accessible(page: Page, api: Api, applied: Any, options: Any) -> None:
    open_page(page, applied["vine"], f"?from={applied['from']['number']}&to={applied['to']['number']}")
    diff = card(page, "states").locator("[data-comparison]")
    diff.locator('[data-resource="terraform_data.row[0]"] summary').click()
    expect(diff.locator(".diff")).to_be_visible()
    expect(card(page, "outputs").locator('[data-output="token"]')).to_be_visible()
    expect(resource(page, "terraform_data.marked")).to_be_visible()
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"
    open_page(page, api.vine())
    expect(card(page, "outputs").locator("[data-note]")).to_be_visible()
    check(page)


def test_states_from_outside_are_text(page: Page, api: Api) -> None:
    vine = api.vine()
    evil = "<img src=x onerror=alert(1)>\u202e"
    api.call("POST", f"/api/vines/{vine['id']}/state", state(
        [{"index_key": evil, "attributes": {evil: evil}}], outputs={evil: {"value": {evil: evil}, "type": "string"}}))
    api.call("POST", f"/api/vines/{vine['id']}/state", state([], serial=2, outputs={}))
    open_page(page, vine, "?from=2&to=1")
    expect(card(page, "states").locator("[data-comparison] details")).to_have_count(2)
    for summary in card(page, "states").locator("[data-comparison] summary").all():
        summary.click()
    expect(card(page, "states").locator("[data-comparison] .diff").first).to_be_visible()
    expect(page.locator("main img")).to_have_count(0)
