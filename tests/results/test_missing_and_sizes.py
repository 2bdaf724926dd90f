"""Metrics without a value, and metrics whose bias depends on the number of samples."""

import pytest

from quantum_latents.results import (
    check_study,
    family,
    metric_facts,
    missing_values,
    sizes_by_seed,
    values_by_seed,
)
from quantum_latents.results.wording import interval_text, measurement_text, number_text

FEW = "480 molecules, fewer than 513"


def entry(value, num=2522, **more):
    reason = "" if value is not None else FEW
    return {"value": value, "reason": reason, "floor": None, "num": num} | more


def study_of(row, *, sizes=(), without=()):
    """Ten seeds; quantum is better by 0.5, and other latents may have other sizes or no value."""
    return [
        row(
            latent,
            seed,
            data="qm9",
            fcd=entry(
                None if (latent, seed) in without else 1.0 + 0.01 * seed + shift,
                num=dict(sizes).get((latent, seed), 2522),
            ),
        )
        for latent, shift in (("quantum", 0.0), ("gaussian", 0.5 + 0.001))
        for seed in range(11)
    ]


def test_a_run_without_a_value_leaves_the_pair_and_is_counted(row):
    rows = study_of(row, without={("gaussian", 3)})
    assert values_by_seed(rows, "qm9", "gaussian", "fcd")[3] is None
    (comparison,) = family(rows, "qm9", "fcd")
    assert comparison.num_dropped == 1
    assert comparison.seeds == (0, 1, 2, 4, 5, 6, 7, 8, 9, 10)
    assert comparison.verdict.code == "better"
    assert "1 dropped because a run diverged or has no value" in comparison.verdict.sentence


def test_reasons_are_gathered_by_latent_and_metric(row):
    rows = study_of(row, without={("gaussian", 3), ("gaussian", 1), ("quantum", 0)})
    rows.append(row("gaussian", 11, data="qm9", status="diverged", fcd=entry(None)))
    rows.append(row("gaussian", 12, data="qm9", fcd={"value": None}))  # an old row, no reason
    gaps = missing_values(rows, "qm9")
    assert [(gap.latent, gap.seeds, gap.reason) for gap in gaps] == [
        ("quantum", (0,), FEW),
        ("gaussian", (1, 3), FEW),
    ]


def test_no_verdict_where_the_sizes_of_a_pair_differ(row):
    rows = study_of(row, sizes={("gaussian", 4): 1990})
    (comparison,) = family(rows, "qm9", "fcd")
    assert comparison.p_holm < 0.05
    assert comparison.verdict.code == "unequal n"
    assert "gaussian n = 1,990 to 2,522" in comparison.verdict.sentence
    assert sizes_by_seed(rows, "qm9", "gaussian", "fcd")[4] == 1990


def test_equal_sizes_pair_by_pair_are_enough(row):
    """Sizes may differ between seeds: it is within a pair that they must not."""
    sizes = {(latent, seed): 2000 + seed for latent in ("quantum", "gaussian") for seed in range(9)}
    (comparison,) = family(study_of(row, sizes=sizes), "qm9", "fcd")
    assert comparison.verdict.code == "better"
    assert comparison.reference_sizes == comparison.other_sizes


def test_a_pair_that_is_dropped_does_not_spoil_the_sizes(row):
    rows = study_of(row, sizes={("gaussian", 4): 480}, without={("gaussian", 4)})
    (comparison,) = family(rows, "qm9", "fcd")
    assert comparison.verdict.code == "better"
    assert 4 not in sizes_by_seed(rows, "qm9", "gaussian", "fcd")


def test_a_metric_of_which_no_run_has_a_value(row):
    rows = study_of(row, without={(n, s) for n in ("quantum", "gaussian") for s in range(11)})
    (comparison,) = family(rows, "qm9", "fcd")
    assert comparison.num_seeds == 0
    assert comparison.verdict.code == "too few"


def test_counts_are_whole_numbers_everywhere(row):
    rows = [
        row(latent, seed, novel={"value": value + 3 * seed, "direction": "higher"} | unit)
        for unit in ({"unit": "molecules"},)
        for latent, value in (("quantum", 3894), ("gaussian", 2522))
        for seed in range(10)
    ]
    assert metric_facts(rows, "novel").is_count
    (comparison,) = family(rows, "bits", "novel", margins={"novel": 2000})
    assert "novel higher by 1,372 molecules" in comparison.verdict.sentence
    assert "[−1,372, −1,372]" in comparison.verdict.sentence
    assert "margin of ±2,000" in comparison.verdict.sentence


def test_a_heading_names_a_unit_once(row):
    rows = [
        row(
            novel={"value": 1, "unit": "molecules", "label": "novel molecules"},
            few={"value": 1, "unit": "molecules", "label": "few"},
            photons={"value": 1, "unit": "photons", "label": "photons"},
        )
    ]
    headings = [metric_facts(rows, name).heading for name in ("novel", "few", "photons")]
    assert headings == ["novel molecules", "few [molecules]", "photons [photons]"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (number_text(-0.3, count=True), "0"),
        (number_text(0.3, count=True, signed=True), "0"),
        (number_text(1234567.0, count=True, signed=True), "+1,234,567"),
        (number_text(None, count=True), "–"),
        (measurement_text(2522.0, None, count=True), "2,522"),
        (measurement_text(2522.0, 0.2, count=True), "2,522 ± 1"),
        (interval_text((-0.5, 1311.2), count=True), "[−1, 1,312]"),
    ],
)
def test_words_of_counts(told, words):
    assert told == words


@pytest.mark.parametrize(
    ("paper", "said"),
    [
        ([], "source"),
        ({"figures": []}, "source"),
        ({"source": "a paper"}, "list of figures"),
        ({"source": "a paper", "figures": [{"data": "qm9"}]}, "each of the paper's figures"),
        (
            {
                "source": "a paper",
                "figures": [
                    {"data": "d", "latent": "l", "metric": "m", "mean": float("nan")},
                ],
            },
            "a number",
        ),
    ],
)
def test_published_figures_are_checked(paper, said):
    with pytest.raises(ValueError, match=said):
        check_study({"schema": 1, "study": "table2", "paper": paper})


def test_published_figures_are_optional():
    assert check_study({"schema": 1, "study": "table2"})["paper"] is None
