"""Leaderboards: data sets are the blocks, and nothing is told apart by chance."""

import numpy as np
import pytest

from quantum_latents.random import stream
from quantum_latents.results import (
    Block,
    Blocks,
    MetricFacts,
    Setting,
    check_study,
    collect,
    leaderboard,
    least_blocks,
    ranking,
    shared_metrics,
)

LATENTS = ("quantum", "bernoulli", "gaussian")
FACTS = MetricFacts(name="mmd", label="mmd", direction="lower", unit="", constant_wins=False,
                    corroborated_by=())  # fmt: skip


def made_rows(row, num_sets=9, num_seeds=4, *, gaps=(0.0, 0.0, 3.0), name="set {}", **facts):
    """Rows of data sets of very different scales; a gap is in run-to-run deviations."""
    rows = []
    for index in range(num_sets):
        for seed in range(num_seeds):
            for latent, gap in zip(LATENTS, gaps, strict=True):
                draw = stream(seed, "tests", "leaderboard", index, latent).generator()
                value = 10.0 ** (index % 4) * (5 + gap + draw.normal())
                rows.append(
                    row(latent, seed, data=name.format(index), mmd={"value": value} | facts)
                )
    return rows


def studies(*of, **study):
    named = {"schema": 1, "study": "demo"} | study
    return {f"folder {n}": (rows, check_study(named)) for n, rows in enumerate(of)}


def synthetic(costs):
    """Blocks of (N, n, k) costs."""
    blocks = tuple(
        Block(
            data=f"set {index}",
            settings=(
                Setting(
                    name=f"set {index}",
                    seeds=tuple(range(len(values))),
                    costs=values,
                    sizes=np.zeros(values.shape, dtype=np.int64),
                    num_dropped=0,
                ),
            ),
        )
        for index, values in enumerate(costs)
    )
    names = LATENTS[: costs.shape[2]]
    return Blocks(facts=FACTS, latents=names, blocks=blocks, left_out=())


def test_a_planted_effect_is_told_apart_and_the_rest_is_a_clique(row):
    board, _ = leaderboard(studies(made_rows(row)))
    assert board.latents[-1] == "gaussian"
    assert {(p.ahead, p.behind) for p in board.pairs if p.code == "better"} == {
        ("quantum", "gaussian"),
        ("bernoulli", "gaussian"),
    }
    (clique,) = board.cliques
    assert set(clique) == {"quantum", "bernoulli"}
    assert "gaussian (on 9 of 9 data sets, p = 0.0" in " ".join(board.sentences)
    assert "better than gaussian by mmd on 9 of 9 data sets" in board.pairs[-1].sentence
    assert "does not mean equal" in board.sentences[-1]
    assert board.friedman.p_value < 0.01


def test_higher_is_better_turns_the_order(row):
    board, _ = leaderboard(studies(made_rows(row, direction="higher")))
    assert board.latents[0] == "gaussian"
    assert board.mean_ranks[0] == 1.0


def test_the_order_of_rows_and_folders_changes_nothing(row):
    rows = made_rows(row)
    one = leaderboard(studies(rows))[0]
    assert leaderboard(studies(rows[::-1]))[0] == one
    first = [r for r in rows if r["spec"]["data"]["name"] in ("set 0", "set 7")]
    rest = [r for r in rows if r not in first]
    parted = [leaderboard(studies(*parts))[0] for parts in ((first, rest), (rest, first))]
    assert parted[0] == parted[1]
    assert parted[0].ranks == one.ranks


@pytest.mark.parametrize("num_sets", [2, 7])
def test_few_data_sets_have_no_verdict_however_many_seeds(row, num_sets):
    board, _ = leaderboard(studies(made_rows(row, num_sets, 30, gaps=(0.0, 5.0, 9.0))))
    assert board.over == "data sets"
    assert {pair.code for pair in board.pairs} == {"too few"}
    assert board.cliques == ()
    assert f"Too few data sets for a verdict: {num_sets} of the at least 8" in board.sentences[0]
    assert " is better than " not in " ".join(board.sentences)


def test_groups_folders_and_seeds_make_no_new_data_sets(row):
    """The same data set nine times over is one data set, whose seeds are ranked."""
    rows = made_rows(row, 9, 12, name="one")
    for index, of in enumerate(rows):
        of["run"] = f"run {index}"
    groups = {of["run"]: [f"group {index // 36}"] for index, of in enumerate(rows)}
    board, found = leaderboard(studies(rows, groups=groups))
    assert (board.over, board.data, len(board.blocks)) == ("seeds", "one", 12)
    assert board.num_settings == (9,)
    assert len(found.blocks[0].settings) == 9
    assert board.latents[-1] == "gaussian"
    assert board.sentences[-1].startswith("This speaks of the one data alone")
    once = made_rows(row, 1, 12, name="one")
    again, _ = leaderboard(studies(once, once))
    assert (again.over, again.num_settings) == ("seeds", (2,))


def test_files_of_one_name_and_other_content_are_two_data_sets(row):
    parts = [made_rows(row, 1, name="mine"), made_rows(row, 1, name="mine")]
    for digest, part in zip("ab", parts, strict=True):
        for of in part:
            of["spec"]["data"]["sha256"] = digest * 64
    board, _ = leaderboard(studies(*parts))
    assert board.blocks == ("mine (folder 0)", "mine (folder 1)")


def test_what_is_left_out_is_named(row):
    rows = made_rows(row)
    rows = [r for r in rows if (r["spec"]["data"]["name"], r["spec"]["latent"]["name"])
            != ("set 3", "bernoulli")]  # fmt: skip
    rows.append(row("quantum", 0, data="other", l1=1.0))
    board, _ = leaderboard(studies(rows), "mmd")
    assert set(board.latents) == {"quantum", "gaussian"}
    assert board.left_out == (
        "other (its rows do not have mmd)",
        "latent bernoulli (not on every data set)",
    )
    chosen = leaderboard(studies(rows), "mmd", LATENTS)[0]
    assert len(chosen.blocks) == 8
    assert "set 3 (no rows of bernoulli)" in chosen.left_out
    diverged = made_rows(row)
    for of in diverged[:9]:  # three of four seeds of set 0
        of["status"] = "diverged"
    board = leaderboard(studies(diverged))[0]
    assert board.left_out == ("set 0 (1 seeds with a value of every latent, of 3)",)
    for of in diverged[:9]:
        of["status"] = "finished"
        of["metrics"]["mmd"]["value"] = 1.0
    for of in diverged[9:12]:
        of["metrics"]["mmd"]["value"] = 1.0
    board = leaderboard(studies(diverged))[0]
    assert board.left_out == ("set 0 (every run of a latent has the same value)",)


def test_a_diverged_seed_is_dropped_for_all_and_counted(row):
    rows = made_rows(row)
    rows[0] = row("quantum", 0, data="set 0", status="diverged")
    board, found = leaderboard(studies(rows))
    assert board.num_dropped == 1
    assert board.num_seeds == (3, *[4] * 8)
    assert found.blocks[0].settings[0].seeds == (1, 2, 3)


def test_a_metric_that_a_constant_wins_needs_another_that_agrees(row):
    rows = made_rows(row, constant_wins=True, corroborated_by=["energy_distance"])
    board, _ = leaderboard(studies(rows))
    assert {pair.code for pair in board.pairs} == {"uncorroborated", "undecided"}
    assert "a constant output would win mmd" in " ".join(board.sentences)
    for of in rows:
        value = of["metrics"]["mmd"]["value"]
        of["metrics"]["energy_distance"] = {"value": value, "direction": "lower", "label": "energy"}
    board, _ = leaderboard(studies(rows), "mmd")
    assert "of each of these pairs a two-sample metric says the same" in " ".join(board.sentences)
    better = [pair for pair in board.pairs if pair.code == "better"]
    assert len(better) == 2
    assert all(pair.sentence.endswith("but energy agrees.") for pair in better)


def test_unequal_numbers_of_samples_give_no_verdict(row):
    rows = made_rows(row)
    for of in rows:
        num = 900 if of["spec"]["latent"]["name"] == "gaussian" else 1000
        of["metrics"]["mmd"]["num"] = num
    board, _ = leaderboard(studies(rows))
    assert {p.code for p in board.pairs if "gaussian" in (p.ahead, p.behind)} == {"unequal n"}
    assert "computed from different numbers" in " ".join(board.sentences)


def test_metrics_that_all_data_sets_share_lead_by_being_primary(row):
    rows = [row("quantum", 0, data="a", l1=1.0, mmd=1.0, only=1.0),
            row("quantum", 0, data="b", l1=1.0, mmd=1.0)]  # fmt: skip
    assert shared_metrics(studies(rows)) == ["l1", "mmd"]
    assert shared_metrics(studies(rows, primary_metrics=["mmd"])) == ["mmd", "l1"]


def test_mistakes_are_named(row):
    rows = made_rows(row)
    with pytest.raises(ValueError, match="share no metric"):
        leaderboard(
            studies([row("quantum", 0, data="a", x=1.0), row("quantum", 0, data="b", y=1.0)])
        )
    with pytest.raises(ValueError, match="no row has the metric 'fcd'"):
        leaderboard(studies(rows), "fcd")
    with pytest.raises(ValueError, match="latent 'copula'; there are quantum, bernoulli"):
        leaderboard(studies(rows), "mmd", ("copula", "quantum"))
    with pytest.raises(ValueError, match="two latents or more"):
        leaderboard(studies(rows), "mmd", ("quantum",))
    with pytest.raises(ValueError, match="no data set can be ranked"):
        leaderboard(studies(made_rows(row, num_seeds=2)))
    with pytest.raises(ValueError, match="no rows"):
        leaderboard(studies([]))


def test_no_pair_is_told_apart_by_chance():
    """The whole leaderboard errs in at most alpha of the studies where no latent differs."""
    draws = stream(0, "tests", "leaderboard", "null").generator().normal(size=(300, 9, 4, 3))
    draws += 2 * stream(1, "tests", "leaderboard", "null").generator().normal(size=(300, 9, 4, 1))
    boards = [ranking(synthetic(costs)) for costs in draws]
    errors = np.mean([any(p.code == "better" for p in board.pairs) for board in boards])
    overall = np.mean([board.friedman.p_value < 0.05 for board in boards])
    wide = np.mean([max(b.mean_ranks) - min(b.mean_ranks) >= b.critical_difference for b in boards])
    # 0.05 and four standard errors of 300 studies: false alarm 3e-5, and the seeds are fixed.
    for share in (errors, overall, wide):
        assert share <= 0.05 + 4 * (0.05 * 0.95 / 300) ** 0.5
    assert errors > 0  # it can err at all


def test_a_clear_effect_is_seen_and_seeds_as_blocks_would_err():
    generator = stream(2, "tests", "leaderboard", "power").generator()
    costs = generator.normal(size=(60, 10, 4, 2))
    costs[..., 1] += 1.5
    seen = np.mean([ranking(synthetic(of)).pairs[0].code == "better" for of in costs])
    assert seen > 0.9
    # A latent's luck on each data set: its seeds agree, the data sets do not.
    costs = generator.normal(size=(100, 10, 12, 2)) + 3 * generator.normal(size=(100, 10, 1, 2))
    honest = np.mean([ranking(synthetic(of)).pairs[0].code == "better" for of in costs])
    one = np.mean([ranking(synthetic(of[:1])).pairs[0].code == "better" for of in costs])
    assert honest < 0.13
    assert one > 0.5  # which is why it speaks of that data set alone


def test_cliques_overlap_and_need_not_be_neighbours():
    from quantum_latents.results.ranks import cliques_of

    apart = {frozenset("ac"), frozenset("bc")}
    assert cliques_of("abcd", apart) == (("a", "b", "d"), ("c", "d"))
    assert cliques_of("ab", {frozenset("ab")}) == ()


def test_more_latents_need_more_blocks():
    assert [least_blocks(k * (k - 1) // 2) for k in (2, 3, 4, 17)] == [6, 7, 8, 13]


def test_scores_are_hedges_g_of_each_latent(row):
    found = collect(studies(made_rows(row, 4, 6)), "mmd")
    for block in found.blocks:
        (setting,) = block.settings
        scale = np.sqrt(setting.costs.var(axis=0, ddof=1).mean())
        # Runs that are alike leave 5 degrees of freedom, independent ones 15.
        assert 1 - 3 / (4 * 5 - 1) <= setting.correction <= 1 - 3 / (4 * 15 - 1)
        expected = setting.correction * setting.costs.mean(axis=0) / scale
        assert block.scores() == pytest.approx(expected)
        seeds, scores = block.seed_scores()
        assert seeds == setting.seeds
        assert scores.mean(axis=0) == pytest.approx(expected)
