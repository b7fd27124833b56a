"""The page of `groundup report` in a browser."""

import json

import pytest

from groundup.__main__ import main

RUNS = 3
DOTTED = "g[id*='-valid-']"
# Contrast of every text with the page, by WCAG 2: of the lighter and the darker luminance.
LEAST_CONTRAST = """() => {
  const luminance = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(value => value / 255)
      .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = luminance(getComputedStyle(document.body).backgroundColor);
  const texts = [...document.querySelectorAll("h1, p, th, td, caption, blockquote, svg text")];
  return Math.min(...texts.map(text => {
    const style = getComputedStyle(text);
    const ink = luminance(text.tagName === "text" ? style.fill : style.color);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  }));
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """Of a report of three runs, made from files as stage 06 writes them."""
    folder = tmp_path_factory.mktemp("runs")
    for run in range(RUNS):
        (folder / str(run)).mkdir()
        config = {"entropy_floor": 0.5, "seed": run, "max_grad_norm": 1.0}
        (folder / str(run) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        lines = [
            {
                "step": step, "tokens": 100 * step, "seconds": step, "lr": 0.1 / step,
                "train_loss": 6 / step + run, "valid_loss": 6.5 / step + run,
                "grad_norm": 1 / step, "sample": f"step {step} said so",
            }
            for step in range(1, 6)
        ]  # fmt: skip
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / str(run) / "metrics.jsonl").write_text(text, encoding="utf-8")
    out = folder / "report.html"
    assert (
        main(["report", *(str(folder / str(run)) for run in range(RUNS)), "--out", str(out)]) == 0
    )
    return out.as_uri()


@pytest.mark.parametrize("width", [1100, 375])
def test_every_run_has_its_curve_at_any_width(visit, url, width):
    page = visit(url, width)
    assert page.title() == "0, 1, 2 · groundup"
    curves = [curve for curve in page.locator(DOTTED).all() if curve.is_visible()]
    assert len(curves) == RUNS
    assert all(curve.bounding_box()["height"] > 20 for curve in curves)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_every_text_can_be_read_in_the_light_and_in_the_dark(visit, url, color_scheme):
    page = visit(url, color_scheme=color_scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(21, 23, 26)") == (color_scheme == "dark")
    assert page.evaluate(LEAST_CONTRAST) > 4.5


def test_tables_and_pictures_have_names_for_who_cannot_see_them(visit, url):
    page = visit(url)
    assert page.get_by_role("img", name="Training and validation loss").count() == 1
    assert page.get_by_role("rowheader", name="perplexity per token").is_visible()
    table = page.get_by_role("table", name="What differs")
    assert table.get_by_role("columnheader").all_inner_texts() == ["0", "1", "2"]
