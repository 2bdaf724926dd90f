"""Where a processor overtakes: the equation is solved, and solved only where it has a root."""

from __future__ import annotations

import pytest

from quantum_latents.theory import PT2, ProcessorRate, Speeds, crossing, planted_speed
from quantum_latents.theory.crossing import family_member, seconds_of
from quantum_latents.theory.exact_algorithms import counts_of
from quantum_latents.theory.speeds import Speed


def speeds_of(seconds_per_operation=1e-10, seconds_per_amplitude=1e-8, num_threads=1):
    planted = [
        planted_speed("clifford-clifford", (0, 0, seconds_per_operation, seconds_per_operation)),
        planted_speed("progressive", (0, seconds_per_amplitude)),
        planted_speed("enumeration", (0, 1e-9)),
        planted_speed("enumeration, once", (0, 1e-8)),
        planted_speed("independent", (0, 1e-8)),
    ]
    return Speeds("a planted machine", num_threads, tuple(planted))


def haar_like(m):
    return {"kind": "haar", "num_modes": m}


def bins(m, *delays):
    return {"kind": "time-bin", "num_modes": m, "delays": list(delays)}


def seconds(recipe, occupation, n, speeds):
    """A shot of member n by the best algorithm, on all cores."""
    counts = counts_of(*family_member(recipe, occupation, n))
    allowed = [c for c in counts if not c.refusal or c.algorithm == "clifford-clifford"]
    best = min(seconds_of(c, speeds, 500_000).seconds for c in allowed)
    return best / speeds.num_threads


@pytest.mark.parametrize("rate", [1e-3, 1.0, 208.0, 1e5])
@pytest.mark.parametrize(("m", "n"), [(32, 16), (16, 16), (40, 10), (8, 16)])
def test_the_crossing_of_haar_solves_the_equation(rate, m, n):
    occupation = (
        (1, 0) * 16
        if (m, n) == (32, 16)
        else tuple((n * (i + 1)) // m - (n * i) // m for i in range(m))
    )
    speeds = speeds_of(num_threads=2)
    found = crossing(haar_like(m), occupation, speeds, ProcessorRate("p", rate, None, "planted"))
    assert found.outcome == "crosses" and found.factor_at_most is None
    assert found.num_photons is not None and found.num_photons > 1
    at = seconds(haar_like(m), occupation, found.num_photons, speeds)
    before = seconds(haar_like(m), occupation, found.num_photons - 1, speeds)
    assert before <= 1 / rate < at
    assert found.num_modes == pytest.approx(found.num_photons * m / n, abs=1)
    assert found.interval == (found.num_photons, found.num_photons)  # planted without error


def test_a_faster_machine_and_a_slower_processor_move_the_crossing_up():
    def at(speeds, rate):
        asked = ProcessorRate("p", rate, None, "planted")
        return crossing(haar_like(32), (1, 0) * 16, speeds, asked).num_photons

    assert at(speeds_of(1e-11), 208) > at(speeds_of(1e-10), 208) > at(speeds_of(1e-9), 208)
    assert at(speeds_of(), 1) > at(speeds_of(), 208)
    assert at(speeds_of(num_threads=64), 208) > at(speeds_of(), 208)


def test_short_loops_never_cross_and_long_ones_only_by_a_factor():
    speeds = speeds_of()
    short = crossing(bins(32, 1, 1), (1, 0) * 16, speeds)
    assert short.outcome == "never" and short.num_photons is None
    assert short.factor_at_most is not None and short.factor_at_most < 0.01
    # The factor is that of a train far longer than any that was looked at.
    occupation = (1, 0) * 1500
    (count,) = (c for c in counts_of(bins(3000, 1, 1), occupation) if c.algorithm == "progressive")
    processor = 3000 / 32 / PT2.shots_per_second
    assert seconds_of(count, speeds, 1).seconds / processor == pytest.approx(
        short.factor_at_most, rel=0.01
    )
    long = crossing(bins(32, 1, 3, 9), (1, 0) * 16, speeds)
    assert long.outcome == "crosses" and long.num_photons is not None
    assert long.factor_at_most is not None and 1 < long.factor_at_most < 1000
    assert seconds(bins(32, 1, 3, 9), (1, 0), long.num_photons, speeds) > (
        long.num_modes / 32 / PT2.shots_per_second
    )


def test_a_crossing_far_along_the_train_is_found_by_its_slope():
    # A slope barely above the processor's: fewer bins are drawn faster than by the processor.
    limit = crossing(bins(32, 1, 1), (1, 0) * 16, speeds_of()).factor_at_most
    speeds = speeds_of(1.0, 1.001e-8 / limit)
    found = crossing(bins(32, 1, 1), (1, 0) * 16, speeds)
    assert found.outcome == "crosses" and found.num_photons > 100
    assert found.factor_at_most == pytest.approx(1.001, rel=1e-6)

    def ratio(n):
        return seconds(bins(32, 1, 1), (1, 0), n, speeds) / (2 * n / 32 / PT2.shots_per_second)

    assert ratio(int(0.97 * found.num_photons)) < 1 < ratio(int(1.03 * found.num_photons) + 2)


def test_photons_that_do_not_interfere_are_never_overtaken_within_reach():
    found = crossing(haar_like(32), (1, 0) * 16, speeds_of(), interference=0.0)
    assert found.outcome == "not found" and found.searched_to == 255
    assert found.interval == (None, None)


def test_less_interference_moves_the_crossing_up():
    def at(x, eta=1.0):
        return crossing(
            haar_like(32), (1, 0) * 16, speeds_of(), interference=x, transmission=eta
        ).num_photons

    assert at(0.3) > at(0.6) > at(1.0)
    assert at(0.6, 0.5) == at(0.3)  # only their product counts


def test_an_uncertain_speed_gives_an_interval_of_photons():
    sharp = speeds_of()
    vague = Speed("clifford-clifford", (0, 0, 1e-10, 1e-10), widening=10.0)
    speeds = Speeds("m", 1, (vague, *sharp.speeds[1:]))
    found = crossing(haar_like(32), (1, 0) * 16, speeds)
    early = crossing(haar_like(32), (1, 0) * 16, speeds_of(1e-9)).num_photons
    late = crossing(haar_like(32), (1, 0) * 16, speeds_of(1e-11)).num_photons
    assert found.interval == (early, late)
    assert early < found.num_photons < late
    assert found.extrapolated  # nothing was measured


def test_members_keep_the_input_of_their_family():
    recipe, occupation = family_member(haar_like(32), (1, 0) * 16, 5)
    assert recipe == haar_like(10) and occupation == (1, 0) * 5
    assert family_member(bins(4, 1), (1, 0, 1, 0), 3)[1] == (1, 0, 1, 0, 1, 0)
    assert family_member(bins(12, 9), (1, 0) * 6, 1)[1] == (1,) + (0,) * 9
    for n in range(1, 40):
        assert sum(family_member(bins(5, 1), (2, 0, 1, 0, 0), n)[1]) == n
        assert sum(family_member(haar_like(3), (2, 2, 1), n)[1]) == n


def test_bad_rates_and_inputs_are_refused():
    for rate in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="positive number of shots"):
            ProcessorRate("p", rate, None, "planted")
    with pytest.raises(ValueError, match="put one in"):
        crossing(haar_like(4), (0,) * 4, speeds_of())
    assert PT2.shots_per_second == pytest.approx(208.33, abs=0.01)
