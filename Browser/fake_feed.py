"""A fake live connection and a fake log: a test decides what a page receives, and when it is disconnected."""

from __future__ import annotations

import json
import re
import time
import zlib
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.sync_api import BrowserContext, Page, Route, WebSocketRoute

from job_page import until

SOCKETS = re.compile(r"/realtime/v1/websocket")


@dataclass
class Join:
    """A page's join."""

    socket: WebSocketRoute
    ref: str
    topic: str
    bindings: list[dict[str, Any]]
    # Whether a change names its join; servers differ.
    names_changes: bool = False
    at: float = field(default_factory=time.monotonic)

    @property
    def filter(self) -> str:
        return self.bindings[0].get("filter", "")

    @property
    def after(self) -> int:
        found = re.search(r"seq=gt\.(\d+)", self.filter)
        assert found, self.filter
        return int(found.group(1))

    @property
    def ids(self) -> list[int]:
        """Made like the server's: equal bindings have equal IDs."""
        return [zlib.crc32(json.dumps(binding, sort_keys=True).encode()) for binding in self.bindings]

    def push(self, event: str, payload: dict[str, Any], is_named: bool = True) -> None:
        self.socket.send(json.dumps([self.ref if is_named else None, None, self.topic, event, payload]))

    def reply(self, status: str, response: dict[str, Any]) -> None:
        self.socket.send(json.dumps([self.ref, self.ref, self.topic, "phx_reply", {"status": status, "response": response}]))

    def accept(self, mark: int = 0) -> None:
        echo = [{**binding, "id": number} for number, binding in zip(self.ids, self.bindings)]
        for binding in echo:
            if binding["table"] == "provision_job_logs":
                binding["seq"] = mark
        self.reply("ok", {"postgres_changes": echo})
        self.system("ok", "Subscribed to PostgreSQL")

    def system(self, status: str, message: str) -> None:
        self.push("system", {
            "extension": "postgres_changes", "status": status, "message": message, "channel": self.topic.removeprefix("realtime:")})

    def close(self) -> None:
        self.push("phx_close", {})

    def change(self, table: str, record: dict[str, Any], kind: str = "INSERT") -> None:
        number = next(n for n, binding in zip(self.ids, self.bindings) if binding["table"] == table)
        self.push("postgres_changes", {"ids": [number], "data": {
            "schema": "public", "table": table, "type": kind, "commit_timestamp": now(), "errors": None, "columns": [], "record": record}},
            is_named=self.names_changes)

    def rows(self, *rows: dict[str, Any]) -> None:
        for row in rows:
            self.change("provision_job_logs", row)


class FakeRealtime:
    """Replaces the server's WebSocket for all pages of a context."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.joins: list[Join] = []
        self.left: list[str] = []
        self.closed: list[int | None] = []
        self.heartbeats: list[str] = []
        self.answers_heartbeats = True
        self.answers_joins = True
        self.is_cut = False
        # The last one is a join's mark; those after the join's `seq` are sent directly.
        self.rows: list[dict[str, Any]] = []

    def serve(self, where: BrowserContext | Page) -> "FakeRealtime":
        where.route_web_socket(SOCKETS, self._open)
        return self

    def _open(self, socket: WebSocketRoute) -> None:
        self.urls.append(socket.url)
        if self.is_cut:
            socket.close(code=1011)
            return
        socket.on_message(lambda text: self._take(socket, str(text)))
        socket.on_close(lambda code, reason: self.closed.append(code))

    def _take(self, socket: WebSocketRoute, text: str) -> None:
        join_ref, ref, topic, event, payload = json.loads(text)
        if event == "heartbeat":
            self.heartbeats.append(ref)
            if self.answers_heartbeats:
                socket.send(json.dumps([None, ref, topic, "phx_reply", {"status": "ok", "response": {}}]))
        elif event == "phx_leave":
            self.left.append(join_ref)
        elif event == "phx_join":
            assert join_ref == ref
            join = Join(socket, ref, topic, payload["config"]["postgres_changes"])
            self.joins.append(join)
            if self.answers_joins:
                join.accept(self.rows[-1]["seq"] if self.rows else 0)
                if join.bindings[0]["table"] == "provision_job_logs":
                    join.rows(*(row for row in self.rows if row["seq"] > join.after))

    def joined(self, page: Page, number: int, limit: float = 10) -> Join:
        """Waits for a join; the first one is number 1."""
        until(page, lambda: len(self.joins) >= number, f"{number} joins", limit)
        return self.joins[number - 1]

    def cut(self, code: int = 1011) -> None:
        self.joins[-1].socket.close(code=code)


class FakeLog:
    """Replaces the log: its end in the page, and the API that reads it, `/api/jobs/ID/logs/lines?…` and `/outline`."""

    def __init__(self, job: str, rows: list[dict[str, Any]]) -> None:
        self.job = job
        self.rows = rows
        self.log_state = "OPEN"
        self.refusal = 0
        # The queries for lines of all streams, in order.
        self.asked: list[dict[str, str]] = []

    def serve(self, where: BrowserContext | Page) -> "FakeLog":
        where.route(f"**/api/jobs/{self.job}/logs/lines?*", self._answer)
        where.route(f"**/api/jobs/{self.job}/logs/outline", self._outline)
        where.route(f"**/dashboard/jobs/{self.job}*", self._page)
        return self

    def _page(self, route: Route) -> None:
        response = route.fetch()
        before, rest = response.text().split('<script type="application/json" id="job-data">')
        data, after = rest.split("</script>", 1)
        data = json.dumps({**json.loads(data), "log": self.window({"tail": "200"})}).replace("<", "\\u003c")
        route.fulfill(response=response, body=f'{before}<script type="application/json" id="job-data">{data}</script>{after}')

    def _outline(self, route: Route) -> None:
        route.fulfill(json={"total": self._total, "seq": self._seq, "errors": [], "warnings": [], "capped": False})

    @property
    def _total(self) -> int:
        return self.rows[-1]["first_line"] if self.rows else 0

    @property
    def _seq(self) -> int:
        return self.rows[-1]["seq"] if self.rows else 0

    def _answer(self, route: Route) -> None:
        query = dict(parse_qsl(urlsplit(route.request.url).query))
        if "streams" not in query:
            self.asked.append(query)
        if self.refusal:
            route.fulfill(status=self.refusal, json={"error": "Refused for a test."})
            return
        route.fulfill(json=self.window(query))

    def window(self, query: dict[str, str]) -> dict[str, Any]:
        wanted = query["streams"].split(",") if "streams" in query else ["STDOUT", "STDERR", "SYSTEM"]
        shown = [row for row in self.rows if row["stream_type"] in wanted]
        start, count = 0, int(query.get("count", 300))
        if "tail" in query:
            count = int(query["tail"])
            start = max(0, len(shown) - count)
        elif "row" in query:
            start = int(query["row"])
        else:
            start = next((i for i, row in enumerate(shown) if row["first_line"] >= int(query["from"])), len(shown))
        lines = [line(row) for row in shown[start:start + count]]
        counts = {stream: sum(row["stream_type"] == stream for row in self.rows) for stream in ("STDOUT", "STDERR", "SYSTEM")}
        response: dict[str, Any] = {
            "from": lines[0]["n"] if lines else self._total + 1, "total": self._total, "seq": self._seq, "row": start, "rows": len(shown),
            "counts": counts, "log_state": self.log_state, "lines": lines}
        if "streams" not in query and (not self.rows or lines and lines[-1]["n"] == self._total):
            response["ends"] = {}
        return response


def line(row: dict[str, Any]) -> dict[str, Any]:
    """A row's line in the API's format."""
    return {"n": row["first_line"], "stream": row["stream_type"], "t": row["created_at"], "text": row["log_chunk"].rstrip("\n"), "continued": False}


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def row(seq: int, text: str = "") -> dict[str, Any]:
    """A row of one line; both have the same number."""
    return {
        "seq": seq, "epoch": 1, "first_line": seq, "line_count": 1, "stream_type": "STDOUT",
        "log_chunk": f"{text or f'told-{seq}'}\n", "times": [[1, int(time.time() * 1000)]], "created_at": now(),
    }


def rows(first: int, last: int) -> list[dict[str, Any]]:
    return [row(seq) for seq in range(first, last + 1)]
