"""Fails a test whose pages have a script error, a dialog, a failed request or a breach of the content security policy."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page


class Watcher:
    """The problems of all pages of a test."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        # A test that cuts the network or expects a refusal allows failed requests. Nothing else is ever allowed.
        self.network_may_fail = False

    def attach(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        page.on("dialog", self._dialog)
        page.on("console", self._console)

    def _dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: Any) -> None:
        if message.type != "error":
            return
        if re.search("Failed to load resource|net::ERR|WebSocket connection to", message.text):
            if not self.network_may_fail:
                self.problems.append(f"request failed: {message.text} {message.location.get('url', '')}")
            return
        self.problems.append(f"console: {message.text}")
