"""A page as a person has it: headless Chromium, and what the page says and asks for beside that."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
# As root there is no sandbox; the rest keeps Chromium itself off the network.
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; if none is found, Playwright's own, and if that is missing, its error says how
    to install it."""
    from playwright.sync_api import sync_playwright

    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """`visit(url, width=1100, color_scheme="light")`: the page there. It must not complain, nor
    ask for anything that is elsewhere."""
    complaints, asked, pages = [], [], {}

    def open_page(url: str, width: int = 1100, **settings: Any) -> Any:
        page = browser.new_page(viewport={"width": width, "height": 900}, **settings)
        page.set_default_timeout(120_000)
        page.on("console", lambda said: complaints.append(said.text) if bad(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        pages[url] = page
        page.goto(url)
        return page

    yield open_page
    for page in pages.values():
        page.context.close()
    assert complaints == []
    elsewhere = [url for url in asked if not url.startswith((*pages, "data:", "blob:"))]
    assert elsewhere == []


def bad(said: Any) -> bool:
    return said.type == "error"
