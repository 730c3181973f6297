"""The view *Changes* in Chromium: opening plans of several sizes, and what their changes take in the database."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from harness import Server, SimulatedTendril
from viewer import Viewer

# Resolves when changes were first painted: in the frame after the one that mounted them.
OBSERVE = """
window.opened = new Promise((resolve) => {
  const look = () => {
    const box = document.querySelector('.changes .scroll')?.getBoundingClientRect();
    const rows = [...document.querySelectorAll('.changes [data-resource]')];
    const seen = box?.height && rows.filter((row) => { const r = row.getBoundingClientRect(); return r.height && r.bottom > box.top && r.top < box.bottom; });
    if (seen?.length >= Math.min(10, rows.length) && rows.length) requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""


def changes(count: int) -> list[dict[str, Any]]:
    """Changes of `count` resources in modules, each with six attributes, one of them in a map."""
    def leaf(i: int, name: str) -> dict[str, Any]:
        return {"path": name, "key": name, "depth": 1, "action": "create", "after": f"{name} of resource {i} in eu-central-1",
                "sensitive": False, "unknown": False}

    def change(i: int) -> dict[str, Any]:
        module = f'module.tenant["t-{i % 50:02}"]'
        diff = [leaf(i, name) for name in ("name", "subnet", "image", "role", "zone")]
        diff.append({"path": "tags.owner", "key": "owner", "depth": 2, "action": "create", "after": f"team {i % 9}", "sensitive": False, "unknown": False})
        outline = [{"at": 5, "path": "tags", "key": "tags", "depth": 1, "kind": "map", "action": "create"}]
        return {"address": f"{module}.aws_instance.web[{i}]", "module": module, "action": "delete" if i < 3 else "create",
                "attributes": ["name", "tags"], "detail": {"diff": diff, "outline": outline}}

    return [change(i) for i in range(count)]


def make(tendril: SimulatedTendril, count: int) -> str:
    """The id of a PLAN that has ended, with so many changes."""
    job = tendril.start().plan(changes(count))
    job.report(status="FAILED", engine_state="GONE", log={"incomplete": "simulated"})
    return job.id


def opening(view: Viewer, job: str, rounds: int = 7) -> tuple[float, int]:
    """Milliseconds from the navigation until the changes in view are painted, each time in a new tab; the median, and
    how many changes are in the document."""
    times: list[float] = []
    mounted = 0
    for _ in range(rounds):
        page: Page = view.context.new_page()
        page.add_init_script(OBSERVE)
        page.goto(f"{view.server.url}/dashboard/jobs/{job}?view=changes", wait_until="commit")
        times.append(page.evaluate("window.opened"))
        mounted = page.locator(".changes [data-resource]").count()
        page.close()
    return statistics.median(times), mounted


def stored(server: Server) -> int:
    """Bytes of the database's files."""
    return sum(file.stat().st_size for file in Path(server.data).glob("vintner.sqlite*"))
