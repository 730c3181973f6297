"""Takes the README's screenshots from a real run: `make shots`.

It starts a server, runs the examples with a real engine, and writes each screenshot in light and dark to docs/images.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable

from PIL import Image
from playwright.sync_api import Browser, Page, expect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import ROOT, Api, Server, SimulatedTendril
from harness.chromium import chromium, sign_in_by_link
from job_page import JobPage

IMAGES = ROOT / "docs" / "images"
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}


def example(api: Api, name: str, **more: Any) -> str:
    """Creates the vine of examples/NAME; returns its ID."""
    folder = ROOT / "examples" / name
    about = json.loads((folder / "vine.json").read_text())
    return api.vine((folder / "main.tf").read_text(), **{**{"project": about.pop("project_name"), "stage": about.pop("environment_stage")}, **about, **more})["id"]


class Studio:
    """A signed-in browser for each theme."""

    def __init__(self, browser: Browser, api: Api) -> None:
        self.browser, self.api = browser, api
        context = browser.new_context()
        page = sign_in_by_link(context, api.post("/api/sign-in-links", {"user": "ana"})["url"])
        self.session = context.storage_state()
        # Act as the signed-in user.
        headers = api.session.headers
        del headers["Authorization"]
        headers["X-CSRF-Token"] = page.locator("meta[name=csrf-token]").get_attribute("content") or ""
        api.session.cookies.update({cookie["name"]: cookie["value"] for cookie in context.cookies()})
        context.close()

    def shoot(self, name: str, path: str, ready: Callable[[Page], Any], size: dict[str, int] = WIDE) -> None:
        for theme in ("light", "dark"):
            context = self.browser.new_context(
                storage_state=self.session, base_url=self.api.url, viewport=size, color_scheme=theme, locale="en-GB",
                device_scale_factor=2 if size is PHONE else 1, reduced_motion="reduce")
            page = context.new_page()
            page.goto(path)
            ready(page)
            image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            context.close()
            # A palette of 256 colors takes a third of the bytes, without a visible difference.
            image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(IMAGES / f"{name}-{theme}.png", optimize=True)
            print(f"docs/images/{name}-{theme}.png")


def run(api: Api, studio: Studio) -> None:
    def opened(job: str, line: str) -> Callable[[Page], Any]:
        return lambda page: expect(JobPage(page, job).with_text(line).first).to_be_visible(timeout=60_000)

    orchard = example(api, "orchard")
    plan = api.plan(orchard)
    # Other Tendrils, for a realistic list.
    SimulatedTendril(api, "eu-west-1b", slots=4).beat(draining=True)
    SimulatedTendril(api, "us-east-1a")

    def choosing(page: Page) -> None:
        opened(plan["id"], "Saved plan")(page)
        JobPage(page, plan["id"]).button("Apply").click()
        expect(page.get_by_role("radio", name=re.compile("us-east-1a"))).to_be_visible()

    studio.shoot("plan", f"/dashboard/jobs/{plan['id']}", choosing)
    deploy = api.post(f"/api/jobs/{plan['id']}/apply", {})["id"]
    studio.shoot("job", f"/dashboard/jobs/{deploy}", opened(deploy, "planted vine 8 of 12"))
    studio.shoot("phone", f"/dashboard/jobs/{deploy}", opened(deploy, "valve 1: filling"), size=PHONE)
    api.wait(deploy, "SUCCESS", log=True)
    failed = api.deploy(example(api, "frost"))["id"]
    api.wait(failed, "FAILED", log=True)
    studio.shoot("failed", f"/dashboard/jobs/{failed}", lambda page: JobPage(page, failed).is_complete())


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "data", "--tendrils", "1") as server, \
            chromium() as browser:
        api = Api(server)
        run(api, Studio(browser, api))


if __name__ == "__main__":
    main()
