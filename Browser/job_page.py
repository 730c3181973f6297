"""Page object of the job page."""

from __future__ import annotations

import time
from typing import Any, Callable

from playwright.sync_api import Locator, Page, expect


class JobPage:
    def __init__(self, page: Page, job: str) -> None:
        self.page = page
        self.job = job
        self.log = page.get_by_role("log")
        self.badge = page.locator("[data-job-status]")
        self.banner = page.locator("[data-banner]")
        self.duration = page.locator("[data-duration]")
        self.feed = page.locator("[data-feed-text]")
        self.pill = page.locator("[data-pill]")
        self.follow = page.get_by_role("button", name="Follow", exact=True)
        self.find = page.get_by_role("searchbox", name="Search the whole log")
        self.hits = page.locator("[data-find-count]")

    def open(self, lines: str = "") -> "JobPage":
        self.page.goto(f"/dashboard/jobs/{self.job}{lines}")
        return self

    def shows(self, status: str, timeout: float = 60_000) -> "JobPage":
        expect(self.badge).to_have_attribute("data-job-status", status, timeout=timeout)
        return self

    def is_complete(self) -> "JobPage":
        expect(self.feed).to_contain_text("Complete", timeout=30_000)
        return self

    def line(self, number: int) -> Locator:
        return self.log.locator(f'[data-line="{number}"]')

    def with_text(self, text: str) -> Locator:
        return self.log.locator("[data-line]", has_text=text)

    def printed(self, number: int, timeout: float = 30_000) -> None:
        """Waits until the log shows `row-N` with N at least `number`: only the end of a growing log is mounted."""
        self.page.wait_for_function(
            "n => [...document.querySelectorAll('[data-line] .tx')].some(tx => Number(/\\): row-(\\d+)/.exec(tx.textContent)?.[1]) >= n)",
            arg=number, timeout=timeout)

    def details(self, name: str) -> Locator:
        return self.page.locator("details", has=self.page.locator("summary", has_text=name))

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def scroll(self) -> dict[str, Any]:
        """The log's scroll position: top, its maximum, first and last mounted line, and the number of mounted rows."""
        return self.log.evaluate(
            """log => {
              const rows = [...log.querySelectorAll('[data-line]')];
              return { top: log.scrollTop, max: log.scrollHeight - log.clientHeight, mounted: rows.length,
                       first: Number(rows[0]?.dataset.line ?? 0), last: Number(rows.at(-1)?.dataset.line ?? 0) };
            }""")

    def is_at_end(self) -> bool:
        where = self.scroll()
        return where["max"] - where["top"] <= 4

    def wait_at_end(self) -> None:
        self.page.wait_for_function(
            "() => { const l = document.querySelector('[role=log]'); return l.scrollHeight - l.clientHeight - l.scrollTop <= 4; }")

    def line_under(self, y: float) -> int:
        """The line that is shown `y` pixels below the log's top."""
        return self.log.evaluate(
            """(log, y) => { const box = log.getBoundingClientRect();
              return Number(document.elementFromPoint(box.x + box.width / 3, box.y + y)?.closest('[data-line]')?.dataset.line ?? 0); }""", y)

    def point_at_log(self) -> None:
        box = self.log.bounding_box()
        assert box
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def read(self) -> list[str]:
        """The text of every line, by scrolling through the whole log."""
        found = self.log.evaluate(
            """async log => {
              const seen = new Map();
              const drawn = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
              for (log.scrollTop = 0; ;) {
                await drawn();
                for (let i = 0; i < 600 && log.querySelector('[data-wait]'); i += 1) await drawn();
                for (const row of log.querySelectorAll('[data-line]')) {
                  const n = Number(row.dataset.line), text = row.querySelector('.tx').textContent;
                  if (seen.has(n) && seen.get(n) !== text) throw new Error(`line ${n} was ${seen.get(n)}, is ${text}`);
                  seen.set(n, text);
                }
                if (log.scrollTop >= log.scrollHeight - log.clientHeight - 1) break;
                log.scrollTop += 1.5 * log.clientHeight;
              }
              return [...seen].sort(([a], [b]) => a - b);
            }""")
        assert [n for n, _ in found] == list(range(1, len(found) + 1)), "a line is missing"
        return [text for _, text in found]

    def clipboard(self) -> str:
        return self.page.evaluate("navigator.clipboard.readText()")

    def announced(self) -> Locator:
        return self.page.locator("[data-announce]")


def until(page: Page, holds: Callable[[], Any], what: str, limit: float = 10) -> None:
    """Lets the browser run until a condition of the test holds."""
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit} s: {what}"
        page.wait_for_timeout(20)
