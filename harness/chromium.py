"""Chromium, and signing in with it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """The distribution's Chromium: `CHROMIUM` names another one, `HEADED` shows its window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"],
            headless="HEADED" not in os.environ)
        yield browser
        browser.close()


def sign_in_by_link(context: BrowserContext, link: str) -> Page:
    """A page of this context, signed in by a link that was not used before."""
    page = context.new_page()
    page.goto(link)
    page.wait_for_url("**/dashboard/jobs")
    return page


def sign_in_by_token(context: BrowserContext, url: str, token: str) -> Page:
    """A page of this context, signed in by the form."""
    page = context.new_page()
    page.goto(f"{url}/sign-in")
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard/jobs")
    return page
