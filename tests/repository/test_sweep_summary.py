"""What a sweep says and draws, of results that are made up."""

import statistics

import pytest

from groundup.commands.common import Refusal
from groundup.commands.sweep.figures import against_figure, curves_figure, draw, finals_figure
from groundup.commands.sweep.results import Result, claim, load, save
from groundup.commands.sweep.summary import by_setting, edges, table, winner


def results(losses, **others):
    """`losses` by learning rate, one for each seed; None is a run that broke off."""
    return [
        Result(
            label=f"max_lr={rate:g}",
            values={"max_lr": rate, **others},
            settings={"seed": seed, "entropy_floor": 0.2},
            parameters=1000,
            valid_loss=loss,
            diverged=None if loss is not None else "step 3: the loss is nan",
            curve=[[100, 5.0], [200, loss if loss is not None else 9.0]],
            seconds=1.0,
        )
        for rate, by_seed in losses.items()
        for seed, loss in enumerate(by_seed)
    ]


MADE_UP = {0.001: [0.70, 0.72, 0.74], 0.01: [0.50, 0.54, 0.52], 0.1: [0.4, None, 0.4]}


def test_the_table_has_mean_spread_distance_and_a_star():
    head, low, best, broken = table(by_setting(results(MADE_UP))).splitlines()
    words = ["setting", "parameters", "runs", "loss", "spread", "above floor", "diverged"]
    assert head.split() == " ".join(words).split()
    assert low.split() == ["max_lr=0.001", "1,000", "3", "0.7200", "0.0200", "0.5200"]
    assert best.split() == ["*", "max_lr=0.01", "1,000", "3", "0.5200", "0.0200", "0.3200"]
    assert broken.split()[-3:] == ["1", "of", "3"]
    assert "*" not in broken, "the lowest mean, but one of its seeds diverged"


def test_the_winner_leads_by_so_much_of_the_seed_noise():
    # Seed by seed 0.20, 0.18 and 0.22: a mean of 0.2, whose standard error is 0.02 / √3 = 0.0115.
    assert winner(by_setting(results(MADE_UP))) == (
        "max_lr=0.01 won: 0.2000 under max_lr=0.001, 17.3 times the seed noise of that difference "
        "(0.0115)"
    )


def test_a_lead_within_the_noise_is_called_that():
    near = {0.001: [0.50, 0.52, 0.54], 0.01: [0.49, 0.52, 0.54]}
    said = winner(by_setting(results(near)))
    assert said.startswith("max_lr=0.01 won: 0.0033 under max_lr=0.001, 1.0 times")
    assert said.endswith(", so seeds alone could do that (with 3 it takes 4.3)")


@pytest.mark.parametrize(("seeds", "needed"), [(2, 12.71), (3, 4.30), (5, 2.78), (20, 2.26)])
def test_few_seeds_have_to_differ_more(seeds, needed):
    """Differences of 1 - spread and 1 + spread in turn, whose mean is known in standard errors."""

    def said(times):
        spread = [(-1) ** seed if seed < seeds // 2 * 2 else 0 for seed in range(seeds)]
        noise = statistics.stdev(spread) / seeds**0.5
        losses = [1.0 + each / noise / times for each in spread]
        return winner(by_setting(results({0.1: [0.0] * seeds, 0.01: losses})))

    assert "seeds alone" not in said(needed * 1.001)
    assert said(needed * 0.999).endswith(f"could do that (with {seeds} it takes {needed:.1f})")


def test_one_seed_says_nothing_about_noise():
    assert winner(by_setting(results({0.001: [0.5], 0.01: [0.6]}))) == (
        "max_lr=0.001 won: 0.1000 under max_lr=0.01; one seed does not say whether that is chance, "
        "--seeds 3 does"
    )


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({0.01: [0.5, 0.5]}, "no run diverged up to max_lr=0.01"),
        ({0.3: [None, 0.5], 0.1: [0.4, 0.4], 1.0: [None, None]}, "edge of divergence: up to "
         "max_lr=0.1 all runs train; at 0.3, 1 of 2 diverged"),
        ({0.3: [None, None]}, "2 of 2 runs diverged at max_lr=0.3, the lowest"),
    ],
)  # fmt: skip
def test_the_edge_of_divergence_is_said(losses, expected):
    assert edges(by_setting(results(losses))) == [expected]


def test_where_all_diverge_none_wins():
    assert winner(by_setting(results({0.1: [None]}))) == "every setting diverged: none won"


def test_the_plots_show_seeds_means_divergence_and_the_floor(tmp_path):
    settings = by_setting(results(MADE_UP))
    (axes,) = against_figure(settings, "max_lr").axes
    lines = {line.get_label(): line for line in axes.lines}
    assert axes.get_xscale() == "log"
    assert list(lines["mean"].get_ydata()) == pytest.approx([0.72, 0.52, 0.4])
    assert len(lines["a seed"].get_xdata()) == 8
    assert list(lines["diverged"].get_xdata()) == [0.1]
    assert list(lines["entropy floor 0.200"].get_ydata()) == [0.2, 0.2]
    (axes,) = curves_figure(settings).axes
    assert len(axes.lines) == 9 + 1 + 1, "the runs, where one broke off, the floor"
    for field in ("max_lr", None):
        for path in draw(settings, tmp_path, field=field):
            assert path.read_bytes().startswith(b"\x89PNG")


def test_models_side_by_side_have_a_row_each_with_seeds_mean_and_floor():
    (axes,) = finals_figure(by_setting(results({0.1: [0.4, 0.6], 0.3: [None]}))).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.4, 0.6], [0.5], [], [0.2, 0.2]]
    assert [text.get_text() for text in axes.texts] == ["diverged", " entropy floor 0.200"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["max_lr=0.1", "max_lr=0.3"]


def test_words_and_zeros_stand_side_by_side():
    settings = by_setting(results({0.0: [0.5], 0.1: [0.4]}))
    (axes,) = against_figure(settings, "max_lr").axes
    assert axes.get_xscale() == "linear"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.1"]


def test_results_come_back_as_they_were_saved(tmp_path):
    made = results(MADE_UP)
    save(tmp_path / "results.jsonl", made)
    found = load(tmp_path / "results.jsonl")
    assert [each.values for each in found] == [each.values for each in made]
    assert table(by_setting(found)) == table(by_setting(made))


def test_a_file_that_holds_no_results_is_refused(tmp_path):
    (tmp_path / "results.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(Refusal, match="does not hold results of this version; delete it"):
        load(tmp_path / "results.jsonl")


def test_the_folder_of_another_sweep_is_refused(tmp_path):
    folder = tmp_path / "sweep"
    claim(folder, {"base": {"steps": 600, "model": {"d_ff": 8}}})
    claim(folder, {"base": {"steps": 600, "model": {"d_ff": 8}}})
    with pytest.raises(Refusal, match=r"base\.model\.d_ff is 8 there, 9 here; give another --out"):
        claim(folder, {"base": {"steps": 600, "model": {"d_ff": 9}}})
    with pytest.raises(Refusal, match="expected no files in .*, found some"):
        claim(tmp_path, {})
    (folder / "sweep.json").write_text("{", encoding="utf-8")
    with pytest.raises(Refusal, match=r"sweep\.json cannot be read; put back a copy of it, or "):
        claim(folder, {})
