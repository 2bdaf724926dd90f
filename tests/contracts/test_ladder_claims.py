"""What the docs say of the ladder at 5,000 steps, computed again from its committed rows."""

from pathlib import Path

from quantum_latents.report import table
from quantum_latents.results import budget_curve, read_rows, read_study

RESULTS = Path(__file__).parents[2] / "results"
LADDER = RESULTS / "challengers-5000-12"


def test_which_latents_are_told_apart_at_5000_steps():
    (section,) = table(read_rows(LADDER), read_study(LADDER)).sections
    comparisons = section.comparisons
    two_sample = {"energy_distance", "mmd", "sliced_wasserstein"}
    assert comparisons.keys() == two_sample | {"l1_to_integer", "total_photon_error"}
    assert all(len(found) == 12 for found in comparisons.values())
    assert {one.num_seeds for found in comparisons.values() for one in found} == {12}
    better = {
        metric: {one.other for one in found if one.verdict.code == "better"}
        for metric, found in comparisons.items()
    }
    told_apart = {"distinguishable", "fermions", "thermal", "gaussian"}
    assert better["l1_to_integer"] == better["energy_distance"] == told_apart
    assert better["mmd"] == better["sliced_wasserstein"] == told_apart - {"thermal"}
    assert not better["total_photon_error"]
    codes = {one.verdict.code for found in comparisons.values() for one in found}
    assert codes == {"better", "uncorroborated", "undecided"}
    ahead = [
        {one.other for one in found if one.mean_difference < 0} for found in comparisons.values()
    ]
    assert set.intersection(*ahead) == {"mean_field", "dirichlet_multinomial", "learned"}
    assert all(
        one.p_holm > 0.05
        for found in comparisons.values()
        for one in found
        if one.mean_difference < 0
    )
    l1 = {one.other: one for one in comparisons["l1_to_integer"]}
    assert {one.margin for one in l1.values()} == {0.005}
    within = {name for name, one in l1.items() if one.p_equivalence_holm < 0.05}
    assert within == {"pairwise", "learned"}
    behind = {name for name, one in l1.items() if one.p_holm < 0.006}
    assert behind - told_apart == {"copula", "shuffled", "dispersed", "bernoulli"}


def _compared(rows, study):
    """Return every comparison with the quantum latent, by metric and latent."""
    (section,) = table(rows, study).sections
    return {
        metric: {one.other: one for one in found} for metric, found in section.comparisons.items()
    }


def _beyond_zero(compared):
    """Return the latents whose interval does not hold 0."""
    ends = {name: one.interval for name, one in compared.items()}
    return {name for name, (low, high) in ends.items() if low > 0 or high < 0}


def test_the_question_that_six_seeds_put_to_twelve():
    rows, study = read_rows(LADDER), read_study(LADDER)
    sharing = study["ladder"]["of"]
    rivals = sharing.keys() - {"quantum"}
    varying = {name for name in rivals if "variances" in sharing[name]}
    both = {name for name in varying if "total" in sharing[name]}
    assert both == {"mean_field", "dirichlet_multinomial", "pairwise", "learned"}
    new = [row for row in rows if row["spec"]["seed"] >= 6]
    assert len(new) == 6 * 13
    of_all, of_new = _compared(rows, study), _compared(new, study)
    assert _beyond_zero(of_all["l1_to_integer"]) == rivals - both
    assert _beyond_zero(of_new["l1_to_integer"]) == rivals - both - {"dispersed"}
    dispersed = [of["l1_to_integer"]["dispersed"] for of in (of_all, of_new)]
    assert [f"{one.mean_difference:.4f}" for one in dispersed] == ["0.0082", "0.0077"]
    assert [f"{end:.4f}" for end in dispersed[1].interval] == ["-0.0002", "0.0150"]
    for metric in ("energy_distance", "mmd", "sliced_wasserstein"):
        assert _beyond_zero(of_all[metric]) == rivals - varying
    assert {"distinguishable", "thermal"}.isdisjoint(_beyond_zero(of_new["energy_distance"]))
    by_total = _beyond_zero(of_all["total_photon_error"])
    assert by_total >= {"dirichlet_multinomial", "mean_field"}
    # The rows of the first six seeds are those of the study that put the question.
    first = read_rows(RESULTS / "challengers-5000")
    values = {row["run"]: row["metrics"] for row in rows}
    assert len(first) == 78 and all(values[row["run"]] == row["metrics"] for row in first)


def test_when_which_latent_is_behind_at_5000_steps():
    rows = read_rows(LADDER)
    gaps = budget_curve(rows, "quantum", "l1_to_integer").gaps
    means = {name: [one.mean_difference for one in found] for name, found in gaps.items()}
    beyond = {
        name: [one.interval[0] > 0 or one.interval[1] < 0 for one in found]
        for name, found in gaps.items()
    }
    assert not any(beyond["mean_field"] + beyond["dirichlet_multinomial"])
    assert [mean < 0 for mean in means["mean_field"]].count(True) == 6
    assert [mean < 0 for mean in means["dirichlet_multinomial"]].count(True) == 3
    assert all(0.008 < mean < 0.013 for mean in means["distinguishable"])
    for name in ("distinguishable", "shuffled"):  # at all but 496 steps
        assert beyond[name] == [True, False] + [True] * 5
    assert beyond["dispersed"] == [False] * 2 + [True] * 5
