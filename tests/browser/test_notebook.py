"""The notebook of `groundup explore` in a browser."""

import os
import socket
import subprocess
import sys

import pytest

from groundup.stages import ROOT


def explore(*words, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "groundup", "explore", *words],
        cwd=ROOT, env=os.environ | {"GROUNDUP_REFERENCE": ""},
        stdout=subprocess.PIPE, encoding="utf-8", **settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def url():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    server = explore("--reference", "all", "--headless", "--port", port)
    try:
        assert any("URL" in line for line in server.stdout), "marimo did not start"
        yield f"http://localhost:{port}"
    finally:
        server.terminate()
        server.wait()


def number(page, name):
    return page.locator(f"[data-number='{name}']")


def test_a_slider_moves_and_the_numbers_follow(visit, url):
    from playwright.sync_api import expect

    page = visit(url)
    expect(number(page, "parameters")).to_have_text("22,696,448", timeout=120_000)
    expect(number(page, "FLOP a step")).to_have_text("915.2 G")
    page.get_by_role("slider").first.press("ArrowRight")
    # A fifth layer: 4 · 512² of attention, 3 · 512 · 1,344 of SwiGLU, 2 · 512 of the norms.
    expect(number(page, "parameters")).to_have_text("25,810,432", timeout=120_000)
    assert page.locator("g[id^='roofline-point-']").count() == 4
    expect(number(page, "price of them, at least")).to_have_text("0.00")
    hours = number(page, "hours for all tokens, at least").inner_text()
    page.get_by_role("slider").nth(7).press("Home")
    expect(number(page, "hours for all tokens, at least")).not_to_have_text(hours, timeout=120_000)


def test_memory_is_held_against_the_device(visit, url):
    from playwright.sync_api import expect

    page = visit(url)
    held = page.get_by_role("heading", name="at the loss: 13% of 24 GiB")
    expect(held).to_be_visible(timeout=120_000)
    expect(number(page, "largest batch")).to_have_text("271")
    page.get_by_role("slider").nth(5).press("End")
    expect(page.get_by_role("heading", name="it does not fit")).to_be_visible(timeout=120_000)
    page.get_by_label("device").select_option("Apple M1, 8-core GPU")
    expect(page.get_by_role("heading", name="its memory is not known")).to_be_visible(
        timeout=120_000
    )
    assert page.get_by_label("dtype").input_value() == "float32"


def test_a_stage_that_is_not_written_is_told_before_the_notebook_opens():
    stopped = explore(stderr=subprocess.PIPE)
    _, told = stopped.communicate()
    assert stopped.returncode == 1
    assert told.startswith("groundup: ") and "not " in told
    assert len(told.splitlines()) == 1
