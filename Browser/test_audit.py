"""The audit log's page, its chain, and the evidence of an apply."""

import re
import sqlite3
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness import Api, Server, shell
from harness.chromium import sign_in_by_link
from harness.program import binary
from harness.waiting import wait_until
from job_page import JobPage
from test_accessibility import check

NARROW = {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}
VERIFY = Path(__file__).parent.parent / "examples" / "verify_evidence.py"


def rows(page: Page):
    return page.locator(".ev")


def test_a_deed_is_on_the_page_with_its_request(page: Page, api: Api) -> None:
    vine = api.vine("terraform {}", project=f"audited-{uuid.uuid4().hex[:6]}")
    reply = api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "eu-west-7"})
    request = reply.headers["X-Request-ID"]
    page.goto(f"/dashboard/audit?vine_id={vine['id']}")
    row = rows(page).filter(has_text="vine.update")
    expect(row).to_be_visible()
    expect(row).to_contain_text(vine["project_name"])
    expect(row).to_contain_text("ALLOWED")
    row.locator("summary").click()
    expect(row.locator("pre")).to_contain_text('"region"')
    row.get_by_role("link", name=request).click()
    expect(page).to_have_url(re.compile(f"request_id={request}"))
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name=re.compile("Remove the filter Request")).click()
    expect(page).not_to_have_url(re.compile("request_id"))
    expect(rows(page).nth(2)).to_be_visible()


def test_filters_are_in_the_address_and_page_on(page: Page, api: Api) -> None:
    vine = api.vine()
    for n in range(60):
        api.call("PATCH", f"/api/vines/{vine['id']}", {"region": f"r-{n}"})
    page.goto("/dashboard/audit")
    page.get_by_label("Action").select_option("vine.update")
    expect(page).to_have_url(re.compile("action=vine.update"))
    expect(rows(page)).to_have_count(50)
    expect(rows(page).filter(has_not_text="vine.update")).to_have_count(0)
    page.get_by_role("button", name="Older events").click()
    expect(rows(page).nth(55)).to_be_visible()
    page.get_by_label("Who").fill("nobody-at-all")
    expect(page.get_by_text("No event matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Show all events").click()
    expect(rows(page).first).to_be_visible()
    expect(page).not_to_have_url(re.compile("action="))


def test_the_list_is_used_with_the_keyboard(page: Page, api: Api) -> None:
    vine = api.vine()
    api.call("PATCH", f"/api/vines/{vine['id']}", {"region": "eu-1"})
    page.goto(f"/dashboard/audit?vine_id={vine['id']}")
    expect(rows(page)).to_have_count(2)
    page.keyboard.press("/")
    expect(page.get_by_label("Who")).to_be_focused()
    page.keyboard.press("Tab")
    page.locator("#content").focus()
    page.keyboard.press("j")
    expect(rows(page).first.locator("summary")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(rows(page).nth(1).locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows(page).nth(1).get_by_role("heading", name="What happened")).to_be_visible()


@pytest.mark.parametrize("options", [{}, NARROW], ids=["light-1280", "dark-390"])
def test_the_page_is_accessible_and_fits(page: Page, api: Api, options) -> None:
    page.goto(f"/dashboard/audit?vine_id={api.vine()['id']}")
    expect(rows(page)).to_have_count(1)
    expect(page.locator("[data-chain]")).to_contain_text("verified up to", timeout=20_000)
    rows(page).first.locator("summary").click()
    expect(page.get_by_role("heading", name="Place in the chain").first).to_be_visible()
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def database(server: Server) -> sqlite3.Connection:
    return sqlite3.connect(server.data / "vintner.sqlite", timeout=30)


def sealed(server: Server) -> int:
    with database(server) as connection:
        found = connection.execute("SELECT count(*) FROM audit_events WHERE number IS NULL").fetchone()[0]
        return 0 if found else connection.execute("SELECT max(number) FROM audit_events").fetchone()[0] or 0


def run(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(binary()), *arguments, *([] if "--key" in arguments else ["--data", str(server.data)])],
        capture_output=True, text=True, timeout=120)


def test_a_chain_that_was_changed_is_shown(page: Page, other_server: Server, tmp_path: Path) -> None:
    api = Api(other_server)
    vine = api.vine()
    for n in range(8):
        api.call("PATCH", f"/api/vines/{vine['id']}", {"region": f"r-{n}"})
    number = wait_until(lambda: sealed(other_server), lambda: "not sealed", 60)
    whole = run(other_server, "audit", "verify")
    assert whole.returncode == 0, whole.stderr
    head = whole.stdout.split()[-1]
    assert run(other_server, "audit", "verify", "--head", head).returncode == 0
    export = tmp_path / "audit.ndjson"
    assert run(other_server, "audit", "export", "-o", str(export)).returncode == 0
    assert run(other_server, "audit", "verify", str(export), "--head", head).returncode == 0
    # A line of the export that was removed, and its end.
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:3] + lines[4:]))
    cut = run(other_server, "audit", "verify", str(export))
    assert cut.returncode == 1 and "Event 4 is missing" in cut.stderr
    export.write_text("".join(lines[:int(head.split(":")[0]) - 1]))
    assert run(other_server, "audit", "verify", str(export)).returncode == 0
    assert run(other_server, "audit", "verify", str(export), "--head", head).returncode == 1

    assert other_server.link
    page = sign_in_by_link(page.context, other_server.link)
    page.goto(f"{other_server.url}/dashboard/audit")
    expect(page.locator("[data-chain]")).to_contain_text("Chain verified up to event", timeout=20_000)
    with database(other_server) as connection:
        connection.execute("UPDATE audit_events SET actor_name = 'mallory' WHERE number = ?", [number - 2])
    connection.close()
    expect(page.get_by_role("alert")).to_contain_text(f"Event {number - 2} doesn't match its hash", timeout=60_000)
    bad = page.locator(".ev.bad")
    expect(bad).to_contain_text("ALTERED")
    expect(bad).to_contain_text("mallory")
    check(page)
    changed = run(other_server, "audit", "verify")
    assert changed.returncode == 1 and f"Event {number - 2} " in changed.stderr


def test_ten_thousand_events_cost_a_page_no_more(page: Page, other_server: Server) -> None:
    api = Api(other_server)
    vine = api.vine()
    with database(other_server) as connection:
        for n in range(10_000):
            connection.execute(
                "INSERT INTO audit_events (id, at, actor_kind, actor_name, roles, action, outcome, changes, mac)"
                " VALUES (?, ?, 'USER', 'filler', '[]', 'job.cancel', 'ALLOWED', '{}', x'00')",
                [str(uuid.uuid4()), 1_700_000_000_000 + n])
    connection.close()
    assert other_server.link
    page = sign_in_by_link(page.context, other_server.link)
    page.goto(f"{other_server.url}/dashboard/audit?actor=filler")
    expect(rows(page)).to_have_count(50)
    start = time.monotonic()
    for _ in range(20):
        assert len(api.get("/api/audit?actor=filler&limit=50")["items"]) == 50
    assert time.monotonic() - start < 10
    page.get_by_role("button", name="Older events").click()
    expect(rows(page)).to_have_count(100)
    assert vine["id"]


def test_evidence_verifies_and_every_part_counts(page: Page, api: Api, server: Server, tmp_path: Path) -> None:
    job = api.deploy(api.vine(shell("for i in 1 2 3; do echo Größe-$i; done"))["id"])
    job = api.wait(job["id"], "SUCCESS")
    JobPage(page, job["id"]).open().is_complete()
    page.get_by_role("button", name="Evidence").click()
    dialog = page.get_by_role("dialog", name="Evidence for job")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Audit events with their hashes")
    check(page)
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Download").click()
    file, key = tmp_path / "job.evidence", tmp_path / "vintner.pub"
    download.value.save_as(file)
    assert download.value.suggested_filename == f"{job['id'][:8]}.evidence"
    key.write_text(run(server, "evidence", "key").stdout)

    def verify() -> subprocess.CompletedProcess[str]:
        return run(server, "evidence", "verify", str(file), "--key", str(key))

    def verify_in_python() -> int:
        return subprocess.run([sys.executable, str(VERIFY), str(file), str(key)], capture_output=True, timeout=60).returncode

    whole = verify()
    assert whole.returncode == 0, whole.stderr
    assert "Everything matches" in whole.stdout and "Planned by" in whole.stdout
    assert verify_in_python() == 0
    content = file.read_bytes()
    with tarfile.open(file) as archive:
        members = {member.name: (member.offset_data, member.size) for member in archive}
    assert set(members) == {"log/000001.ndjson", "audit/000001.ndjson", "manifest.json", "manifest.sig"}
    for name, (offset, size) in members.items():
        changed = bytearray(content)
        place = offset + size // 3
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        file.write_bytes(changed)
        result = verify()
        assert result.returncode == 1, name
        assert ("manifest" if name.startswith("manifest") else name) in result.stderr
        assert verify_in_python() != 0, name
    saved = tmp_path / "saved.evidence"
    assert run(server, "evidence", job["id"][:8], "-o", str(saved)).returncode == 0
    file.write_bytes(saved.read_bytes())
    assert verify().returncode == 0
