"""A low-level client of the Realtime protocol, in both versions, on a plain WebSocket."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import quote

from websockets.sync.client import ClientConnection, connect

V1, V2 = "1.0.0", "2.0.0"
LIMIT = 10.0
LOGS, JOBS, WORKERS = "provision_job_logs", "provision_jobs", "workers"


@dataclass
class Message:
    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any
    size: int

    @property
    def record(self) -> Any:
        return self.payload["data"]["record"]


def read(text: str | bytes, version: str) -> Message:
    """Parses a frame, and checks that it has the exact form of its version."""
    assert isinstance(text, str), "a binary frame"
    size, value = len(text.encode()), json.loads(text)
    if version == V1:
        assert set(value) == {"topic", "event", "payload", "ref"}, text[:300]
        return Message(None, value["ref"], value["topic"], value["event"], value["payload"], size)
    assert isinstance(value, list) and len(value) == 5, text[:300]
    join_ref, ref, topic, event, payload = value
    return Message(join_ref, ref, topic, event, payload, size)


def binding(table: str = LOGS, filter: str | None = None, event: str = "INSERT", **more: Any) -> dict[str, Any]:
    made = {"event": event, "schema": "public", "table": table, **more}
    return made if filter is None else {**made, "filter": filter}


def of_job(job: str, more: str = "", **rest: Any) -> dict[str, Any]:
    """A binding to the job's log."""
    return binding(LOGS, f"job_id=eq.{job}{',' if more else ''}{more}", **rest)


@dataclass
class Joined:
    reply: Message
    system: Message | None

    @property
    def echoes(self) -> list[Any]:
        return self.reply.payload["response"].get("postgres_changes", [])


class Socket:
    """One connection."""

    def __init__(
        self, url: str, token: str | None, version: str | None = V2, path: str = "/realtime/v1/websocket",
        headers: dict[str, str] | None = None, **more: Any,
    ) -> None:
        query = [f"apikey={quote(token)}"] if token is not None else []
        query += [f"vsn={version}"] if version is not None else []
        self.version = version or V1
        self.connection: ClientConnection = connect(
            f"{url.replace('http', 'ws', 1)}{path}?{'&'.join(query)}", additional_headers=headers, compression=None,
            max_size=None, proxy=None, **more)
        self.refs = 0

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: Any) -> None:
        self.connection.close()

    # ---- sending

    def push(
        self, topic: str, event: str, payload: Any, ref: str | None = "", join_ref: str | None = None,
    ) -> str | None:
        """Sends a message; the default for `ref` is the next number."""
        if ref == "":
            self.refs += 1
            ref = str(self.refs)
        if event == "phx_join" and join_ref is None:
            join_ref = ref
        if self.version == V1:
            value: Any = {"event": event, "payload": payload, "topic": topic, "ref": ref, "join_ref": join_ref}
        else:
            value = [join_ref, ref, topic, event, payload]
        self.connection.send(json.dumps(value))
        return ref

    def send_join(self, topic: str, *bindings: Any, **payload: Any) -> str:
        config = {"broadcast": {"ack": False, "self": False}, "presence": {"key": "", "enabled": False},
                  "private": False, "postgres_changes": list(bindings)}
        return self.push(topic, "phx_join", {"config": config, **payload}) or ""

    # ---- receiving

    def next(self, limit: float = LIMIT) -> Message:
        return read(self.connection.recv(timeout=limit), self.version)

    def until(self, is_wanted: Callable[[Message], bool], limit: float = LIMIT) -> list[Message]:
        """All messages up to the wanted one."""
        deadline = time.monotonic() + limit
        seen: list[Message] = []
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"not within {limit} s; seen: {[str(m)[:200] for m in seen[-5:]]}"
            seen.append(self.next(left))
            if is_wanted(seen[-1]):
                return seen

    def reply(self, ref: str | None) -> Message:
        """The next message, which must be the reply to this one."""
        message = self.next()
        assert (message.event, message.ref) == ("phx_reply", ref), message
        return message

    def join(self, topic: str, *bindings: Any, **payload: Any) -> Joined:
        """Joins, and receives the reply and the system message that must follow it directly."""
        reply = self.reply(self.send_join(topic, *bindings, **payload))
        if reply.payload["status"] != "ok" or not bindings:
            return Joined(reply, None)
        system = self.next()
        assert (system.event, system.topic, system.ref) == ("system", topic, None), system
        return Joined(reply, system)

    def joined(self, topic: str, *bindings: Any, **payload: Any) -> Joined:
        """Joins and expects success."""
        joined = self.join(topic, *bindings, **payload)
        assert joined.reply.payload["status"] == "ok", joined.reply
        assert joined.system is None or joined.system.payload["status"] == "ok", joined.system
        return joined

    def heartbeat(self) -> list[Message]:
        """Sends one; returns what came before its reply."""
        ref = self.push("phoenix", "heartbeat", {})
        return self.until(lambda message: message.event == "phx_reply" and message.ref == ref)[:-1]

    def rows(self, topic: str, last: int, limit: float = LIMIT) -> list[Any]:
        """The records of a log that the topic receives, up to this `seq`."""
        def is_row(m: Message) -> bool:
            return m.topic == topic and m.event == "postgres_changes"

        return [m.record for m in self.until(lambda m: is_row(m) and m.record["seq"] >= last, limit) if is_row(m)]


#: A fixture that opens sockets.
Connect = Callable[..., Socket]
