"""The log viewer in Chromium: opening logs, jumping in them, and following fast ones."""

from __future__ import annotations

import json
import statistics
import threading
import time

from playwright.sync_api import Browser, Page

from harness import Api, Server, SimulatedTendril
from harness.chromium import sign_in_by_link

# Resolves when rows with text were first painted: in the frame after the one that mounted them.
OBSERVE = """
window.opened = new Promise((resolve) => {
  const look = () => {
    const log = document.querySelector('[role="log"]');
    const rows = [...document.querySelectorAll('[data-line][data-stream]')];
    const box = log?.getBoundingClientRect();
    const seen = box && rows.filter((row) => { const r = row.getBoundingClientRect(); return r.bottom > box.top && r.top < box.bottom; });
    if (seen?.length >= Math.min(20, rows.length) && rows.length) requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""

JUMP = """
(share) => new Promise((resolve) => {
  const log = document.querySelector('[role="log"]');
  const start = performance.now();
  log.scrollTop = (log.scrollHeight - log.clientHeight) * share;
  const box = log.getBoundingClientRect();
  const look = () => {
    const row = document.elementFromPoint(box.x + box.width / 3, box.y + box.height / 2)?.closest('[data-line]');
    if (row?.dataset.stream && performance.now() - start > 1) resolve([performance.now() - start, Number(row.dataset.line)]);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""

FRAMES = """
window.frames_ = [];
let before = performance.now();
const frame = (now) => { window.frames_.push(now - before); before = now; requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""


class Viewer:
    """One signed-in browser."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        assert server.link
        sign_in_by_link(self.context, server.link).close()

    def open(self, job: str, rounds: int = 7) -> tuple[float, Page]:
        """Milliseconds from the navigation until the rows in view are painted, each time in a new tab; the median, and
        the last tab."""
        times: list[float] = []
        for _ in range(rounds):
            page = self.context.new_page()
            page.add_init_script(OBSERVE)
            page.goto(f"{self.server.url}/dashboard/jobs/{job}", wait_until="commit")
            times.append(page.evaluate("window.opened"))
            if len(times) < rounds:
                page.close()
        return statistics.median(times), page

    def jump(self, page: Page, share: float) -> tuple[float, int]:
        """Milliseconds of a jump to this part of the log, and the line there."""
        return page.evaluate(JUMP, share)

    def heap(self, page: Page) -> tuple[int, int]:
        """Bytes of JavaScript heap after a garbage collection, and mounted rows."""
        client = self.context.new_cdp_session(page)
        client.send("HeapProfiler.collectGarbage")
        client.send("Performance.enable")
        metrics = {item["name"]: item["value"] for item in client.send("Performance.getMetrics")["metrics"]}
        return metrics["JSHeapUsedSize"], page.locator("[data-line]").count()


def flood(
    api: Api, tendril: SimulatedTendril, viewer: Viewer, rate: int = 50_000, seconds: int = 8,
) -> tuple[list[float], float, int]:
    """Sorted frame times in ms of a page that follows this many lines per second, the delay of the last line in
    seconds, and the mounted rows."""
    job = tendril.start().id
    page = viewer.context.new_page()
    page.goto(f"{viewer.server.url}/dashboard/jobs/{job}")
    page.wait_for_function("() => document.querySelector('[data-feed-text]').textContent.startsWith('Live')")
    page.evaluate(FRAMES)
    lines = rate // 20
    done = threading.Event()

    def write() -> None:
        connection, start = tendril.connect(), time.perf_counter()
        for n in range(1, seconds * 20 + 1):
            text = "".join(f"null_resource.service[{i}]: Still creating... [{n}0s elapsed] {'x' * 40}\n" for i in range(lines))
            parts = [text[at:at + 60_000] for at in range(0, len(text), 60_000)]
            chunks, rest = [], ""
            for part in parts:  # a chunk has whole lines
                part = rest + part
                cut = part.rindex("\n") + 1
                chunks.append({"stream_type": "STDOUT", "log_chunk": part[:cut]})
                rest = part[cut:]
            if rest:
                chunks.append({"stream_type": "STDOUT", "log_chunk": rest})
            connection.send("POST", f"/api/jobs/{job}/logs", json.dumps({"epoch": 1, "n": n, "chunks": chunks}).encode())
            time.sleep(max(0, start + n / 20 - time.perf_counter()))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        page.wait_for_timeout(100)
    ended = time.perf_counter()
    writer.join()
    total = api.get(f"/api/jobs/{job}/logs/lines?from=1&count=1")["total"]
    page.wait_for_selector(f'[data-line="{total}"]', timeout=60_000)
    late = time.perf_counter() - ended
    frames = sorted(page.evaluate("window.frames_"))
    rows = page.locator("[data-line]").count()
    page.close()
    return frames, late, rows
