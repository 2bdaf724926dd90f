"""The gap against the budget: paired at every milestone, and refused where it means nothing."""

import pytest

from quantum_latents.results import budget_curve, paired_comparison
from quantum_latents.results.selection import metric_facts

STEPS = [160, 800]


def row(latent, seed, values, *, num_steps=1600, status="finished", num=None):
    *on_the_way, end = values
    entry = {"value": end, "direction": "lower"} | ({} if num is None else {"num": num})
    return {
        "status": status,
        "metrics": {"mmd": entry} if status == "finished" else {},
        "budget": {"step": STEPS, "metrics": {"mmd": on_the_way}},
        "spec": {
            "data": {"name": "bits"},
            "latent": {"name": latent},
            "seed": seed,
            "training": {"num_steps": num_steps},
        },
    }


def study(num_seeds=7):
    rows = [row("quantum", s, (1.0 + 0.1 * s, 0.5, 0.25 + 0.01 * s)) for s in range(num_seeds)]
    return rows + [row("gaussian", s, (3.0, 1.0 + 0.1 * s, 0.5)) for s in range(num_seeds)]


def test_a_gap_is_the_paired_comparison_of_its_step():
    curve = budget_curve(study(), "bits", "mmd")
    assert curve.steps == (160, 800, 1600)
    wanted = [
        ({s: 1.0 + 0.1 * s for s in range(7)}, dict.fromkeys(range(7), 3.0)),
        (dict.fromkeys(range(7), 0.5), {s: 1.0 + 0.1 * s for s in range(7)}),
        ({s: 0.25 + 0.01 * s for s in range(7)}, dict.fromkeys(range(7), 0.5)),
    ]
    for gap, (base, other) in zip(curve.gaps["gaussian"], wanted, strict=True):
        alone = paired_comparison(base, other, "lower")
        assert (gap.data, gap.metric) == ("bits", "mmd")
        assert (gap.reference, gap.other) == ("quantum", "gaussian")
        facts = metric_facts(study(), "mmd")
        assert (gap.label, gap.unit) == (facts.label, facts.unit)
        assert gap == alone.named(facts, "bits", "quantum", "gaussian")
        assert gap.interval is not None
    assert curve.means["quantum"] == pytest.approx((1.3, 0.5, 0.28))
    assert set(curve.gaps) == {"gaussian"}


def test_a_value_that_is_missing_drops_its_seed_at_that_step_alone():
    rows = study()
    rows[0]["budget"]["metrics"]["mmd"][1] = None
    first, second, last = budget_curve(rows, "bits", "mmd").gaps["gaussian"]
    assert (first.num_seeds, second.num_seeds, last.num_seeds) == (7, 6, 7)


def test_a_run_that_diverged_is_left_out():
    rows = [*study(), row("gaussian", 7, (1.0, 1.0, 1.0), status="diverged")]
    assert budget_curve(rows, "bits", "mmd") == budget_curve(study(), "bits", "mmd")


def test_only_common_milestones_count():
    rows = study()
    rows[3]["budget"] = {"step": [800], "metrics": {"mmd": [0.5]}}
    assert budget_curve(rows, "bits", "mmd").steps == (800, 1600)


def test_no_curve_without_milestones_or_across_trainings_or_sample_numbers():
    without = [{**r, "budget": {}} for r in study()]
    assert budget_curve(without, "bits", "mmd") is None
    longer = [*study(), row("gaussian", 9, (1.0, 1.0, 1.0), num_steps=3200)]
    assert budget_curve(longer, "bits", "mmd") is None
    sized = [row("quantum", 0, (1, 1, 1), num=500), row("gaussian", 0, (1, 1, 1), num=600)]
    assert budget_curve(sized, "bits", "mmd") is None
