"""Verdicts say what the intervals carry, and nothing else."""

import pytest

from quantum_latents.random import stream
from quantum_latents.results import check_study, family, read_study, values_by_seed
from quantum_latents.results.wording import p_text


def study(row, gaps, *, num_seeds=10, noise=0.01, metric="mmd", facts=None, centre=1.0):
    """Rows of the quantum latent at `centre` and others at a gap above it."""
    rows = []
    for seed in range(num_seeds):
        for latent, gap in {"quantum": 0.0, **gaps}.items():
            draw = stream(seed, "tests", "verdicts", latent).generator().normal()
            entry = {"value": centre + gap + noise * draw} | (facts or {})
            rows.append(row(latent, seed, **{metric: entry}))
    return rows


def codes(comparisons):
    return {comparison.other: comparison.verdict.code for comparison in comparisons}


def test_better_worse_and_undecided(row):
    rows = study(row, {"gaussian": 0.5, "bernoulli": -0.5, "copula": 0.0})
    comparisons = family(rows, "bits", "mmd")
    assert codes(comparisons) == {
        "bernoulli": "worse",
        "copula": "undecided",
        "gaussian": "better",
    }
    for comparison in comparisons:
        low, high = comparison.interval
        assert (comparison.verdict.code == "undecided") == (low <= 0 <= high)
        assert comparison.p_holm >= comparison.p_value
    assert "includes 0" in comparisons[1].verdict.sentence


def test_higher_is_better_turns_the_verdict(row):
    rows = study(row, {"gaussian": 0.5}, facts={"direction": "higher"})
    (comparison,) = family(rows, "bits", "mmd")
    assert comparison.verdict.code == "worse"
    assert "quantum is worse than gaussian: mmd lower by" in comparison.verdict.sentence


@pytest.mark.parametrize("num_seeds", [1, 5, 9])
def test_below_ten_seeds_there_is_never_a_verdict(row, num_seeds):
    rows = study(row, {"gaussian": 5.0, "bernoulli": 0.0}, num_seeds=num_seeds)
    comparisons = family(rows, "bits", "mmd", margins={"mmd": 1.0})
    assert set(codes(comparisons).values()) == {"too few"}
    assert f"{num_seeds} of at least 10" in comparisons[0].verdict.sentence


def test_a_diverged_run_drops_its_seed_and_is_counted(row):
    rows = study(row, {"gaussian": 5.0})
    rows[1] = row("gaussian", 0, status="diverged")
    (comparison,) = family(rows, "bits", "mmd")
    assert comparison.num_seeds == 9
    assert comparison.num_dropped == 1
    assert comparison.verdict.code == "too few"
    assert "1 dropped" in comparison.verdict.sentence


def test_a_value_of_a_diverged_run_does_not_count(row):
    rows = study(row, {"gaussian": 5.0}, num_seeds=11)
    rows[1] |= {"status": "diverged"}
    (comparison,) = family(rows, "bits", "mmd")
    assert comparison.seeds == tuple(range(1, 11))


def test_equivalence_needs_a_declared_margin(row):
    rows = study(row, {"gaussian": 0.0})
    (without,) = family(rows, "bits", "mmd")
    (declared,) = family(rows, "bits", "mmd", margins={"mmd": 0.2})
    (narrow,) = family(rows, "bits", "mmd", margins={"mmd": 0.0005})
    assert [c.verdict.code for c in (without, declared, narrow)] == [
        "undecided",
        "equivalent",
        "undecided",
    ]
    assert "±0.200" in declared.verdict.sentence


def test_holm_runs_over_the_declared_family_even_without_pairs(row):
    gaps = {f"rival {index}": 0.5 for index in range(4)}
    rows = study(row, gaps)
    comparisons = family(rows, "bits", "mmd")
    assert [c.p_holm for c in comparisons] == pytest.approx([4 * 2.0**-9] * 4)
    rows += [row("not started", 99, mmd=1.0)]
    wider = family(rows, "bits", "mmd")
    assert wider[1].p_holm == pytest.approx(5 * 2.0**-9)
    assert wider[0].p_holm is None
    assert wider[0].verdict.code == "too few"


def test_an_interval_without_zero_does_not_suffice(row):
    rows = study(row, {f"rival {i:02}": 0.5 for i in range(30)})
    comparison = family(rows, "bits", "mmd")[0]  # 30 x 2^-9 = 0.059
    assert comparison.interval[0] > 0
    assert comparison.p_holm > 0.05
    assert comparison.verdict.code == "undecided"
    assert "excludes 0, but the Holm-adjusted" in comparison.verdict.sentence


def with_second_metric(rows, gap, name="energy"):
    for one in rows:
        noise = (
            0.01 * stream(one["spec"]["seed"], one["spec"]["latent"]["name"]).generator().normal()
        )
        shift = gap if one["spec"]["latent"]["name"] != "quantum" else 0.0
        one["metrics"][name] = {
            "value": 1.0 + shift + noise,
            "direction": "lower",
            "label": "energy distance",
        }
    return rows


CONSTANT_WINS = {"constant_wins": True, "corroborated_by": ["energy"]}


@pytest.mark.parametrize(
    ("gap", "code", "words"),
    [
        (0.4, "better", "energy distance agrees"),
        (-0.4, "uncorroborated", "energy distance does not say the same"),
        (0.0, "uncorroborated", "energy distance does not say the same"),
    ],
)
def test_a_metric_that_a_constant_wins_needs_another_to_agree(row, gap, code, words):
    rows = study(row, {"gaussian": 0.5}, metric="l1", facts=CONSTANT_WINS)
    (comparison,) = family(with_second_metric(rows, gap), "bits", "l1")
    assert comparison.verdict.code == code
    assert words in comparison.verdict.sentence
    assert "constant output would win" in comparison.verdict.sentence


def test_an_equivalence_that_nothing_corroborates_tells_its_own_numbers(row):
    rows = study(row, {"gaussian": 0.0}, metric="l1", facts=CONSTANT_WINS)
    rows = with_second_metric(rows, 0.4)
    for margins, why in (
        ({"l1": 0.2}, "no two-sample metric has a declared margin"),
        ({"l1": 0.2, "energy": 0.2}, "energy distance does not say the same"),
    ):
        (comparison,) = family(rows, "bits", "l1", margins=margins)
        assert comparison.verdict.code == "uncorroborated"
        assert comparison.p_equivalence_holm < 0.05 < comparison.p_holm
        sentence = comparison.verdict.sentence
        assert "finds them equally good (within the declared margin of ±0.2" in sentence
        told = f"two one-sided tests, Holm-adjusted p = {p_text(comparison.p_equivalence_holm)}, 10"
        assert told in sentence
        assert sentence.endswith(f"but a constant output would win it, and {why}.")


def test_alone_it_gives_no_verdict(row):
    rows = study(row, {"gaussian": 0.5}, metric="l1", facts=CONSTANT_WINS)
    (comparison,) = family(rows, "bits", "l1")
    assert comparison.verdict.code == "uncorroborated"
    assert "no two-sample metric was measured" in comparison.verdict.sentence


def test_an_unfinished_study(row):
    rows = study(row, {"gaussian": 0.5})[:-1]
    (comparison,) = family(rows, "bits", "mmd")
    assert (comparison.num_seeds, comparison.num_unpaired, comparison.num_dropped) == (9, 1, 0)
    others = [one for one in rows if one["spec"]["latent"]["name"] == "gaussian"]
    (alone,) = family(others, "bits", "mmd")
    assert alone.num_seeds == 0
    assert alone.verdict.code == "too few"


def test_mistakes_are_named(row):
    rows = study(row, {"gaussian": 0.5}, num_seeds=2)
    with pytest.raises(ValueError, match="'digits'"):
        family(rows, "digits", "mmd")
    with pytest.raises(ValueError, match="'fid'"):
        family(rows, "bits", "fid")
    with pytest.raises(ValueError, match="latent 'quantum' and seed 0"):
        values_by_seed([*rows, row("quantum", 0, mmd=3.0)], "bits", "quantum", "mmd")
    rows[0]["metrics"]["mmd"]["direction"] = "higher"
    with pytest.raises(ValueError, match="direction"):
        family(rows, "bits", "mmd")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "newer"),
        ({"schema": "1"}, "schema '1'"),
        ({"study": ""}, "name"),
        ({"notes": "one"}, "notes"),
        ({"equivalence_margins": {"mmd": 0}}, "equivalence_margins"),
        ({"settings": [{"name": "a"}]}, "settings"),
        ({"num_runs": 1.5}, "num_runs"),
        ({"title": None}, "title"),
    ],
)
def test_a_wrong_study_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_study({"schema": 1, "study": "demo"} | change)


def test_a_missing_or_damaged_study_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no study at"):
        read_study(tmp_path)
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        read_study(tmp_path)


def test_a_declared_latent_without_rows_stays_in_the_family(row):
    rows = study(row, {"gaussian": 0.5, "bernoulli": 0.4})
    alone = family(rows, "bits", "mmd")
    declared = family(rows, "bits", "mmd", num_declared=4)
    assert [c.p_value for c in declared] == [c.p_value for c in alone]
    assert all(c.p_holm == pytest.approx(3 * c.p_value) for c in declared)
    assert all(c.p_holm == pytest.approx(2 * c.p_value) for c in alone)
