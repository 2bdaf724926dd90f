"""The cost of a latent: planted speeds, texts, JSON, refusals."""

from __future__ import annotations

import json

import pytest

from quantum_latents.circuits import haar, time_bin
from quantum_latents.latents import (
    BankSpec,
    CommutingSpec,
    GaussianSpec,
    IsingSpinsSpec,
    NoisyPhotonicSpec,
    PhotonicSpec,
    RivalSpec,
    SqueezedSpec,
)
from quantum_latents.random import stream
from quantum_latents.theory import (
    CardCost,
    ProcessorRate,
    SimulationCost,
    Speeds,
    cost_of_latent,
    planted_speed,
    simulation_cost,
)
from quantum_latents.theory.cost_text import time_text

SPEEDS = Speeds(
    "a planted machine",
    2,
    (
        planted_speed("clifford-clifford", (0, 0, 1e-10, 1e-10)),
        planted_speed("progressive", (0, 1e-8)),
        planted_speed("enumeration", (1e-6, 0)),
        planted_speed("enumeration, once", (0, 1e-8)),
        planted_speed("independent", (0, 1e-8)),
    ),
)
HALF = (1, 0) * 16


def cost_of(device, occupation, **options):
    return simulation_cost(device, occupation, speeds=SPEEDS, **options)


def test_times_follow_from_operations_and_speeds():
    cost = cost_of(haar(16, stream(0)), (1, 0) * 8, num_samples=1000)
    assert [one.algorithm for one in cost.algorithms] == ["clifford-clifford", "enumeration"]
    enumeration = cost.algorithms[1]
    assert enumeration.once == 3_922_512 and enumeration.once_seconds is not None
    # The law is written out by one core, the shots are shared by two.
    assert enumeration.expected.seconds == pytest.approx(0.03922512 + 1000 * 1e-6 / 2)
    clifford = cost.algorithms[0]
    assert clifford.shot.seconds == pytest.approx(clifford.operations * 1e-10)
    assert clifford.expected.seconds == pytest.approx(1000 * clifford.shot.seconds / 2)
    assert {one.how for one in cost.algorithms} == {"given"}
    # With more shots what is done once pays.
    many = cost_of(haar(16, stream(0)), (1, 0) * 8, num_samples=10**6)
    assert many.best.algorithm == "enumeration"
    assert cost.drawn_by == "enumeration"


def test_a_processor_keeps_its_rate_or_its_bins():
    of_haar = cost_of(haar(64, stream(0)), (1, 0) * 32)
    assert of_haar.processor_seconds == pytest.approx(2400)
    of_bins = cost_of(time_bin(64, (1, 1), stream=stream(0)), (1, 0) * 32)
    assert of_bins.processor_seconds == pytest.approx(4800)
    mine = cost_of(time_bin(64, (1, 1), stream=stream(0)), (1, 0) * 32, rate=500.0)
    assert mine.processor_seconds == pytest.approx(1000)
    named = ProcessorRate("mine", 50.0, 64, "a log")
    assert cost_of(haar(64, stream(0)), (1, 0) * 32, rate=named).processor is named


def test_what_is_refused_here_comes_last_and_is_told():
    cost = cost_of(haar(32, stream(0)), HALF)
    assert [bool(one.refusal) for one in cost.algorithms] == [False, True]
    assert cost.best.algorithm == cost.drawn_by == "clifford-clifford"
    none = cost_of(haar(82, stream(0)), (1, 0) * 41)
    assert none.drawn_by == "" and all(one.refusal for one in none.algorithms)
    text = none.text()
    assert "clifford-clifford is refused at this size: 41 photons" in text
    assert "years" in text


def test_the_text_says_what_the_families_are():
    short = cost_of(time_bin(32, (1, 1), stream=stream(0)), HALF)
    assert short.is_in_no_hard_family
    assert "the processor is slower at every size, however many bins" in short.text()
    assert "NOT IN Q: an exact sampler is polynomial for the whole family (short" in short.text()
    hard = cost_of(haar(32, stream(0)), HALF)
    assert not hard.is_in_no_hard_family
    assert "NOT IN Q" not in hard.text() and "is a conjecture" in hard.text()
    assert f"faster from {hard.crossing.num_photons} photons" in hard.text()
    assert "500,000 shots of 16 photons in 32 time bins in 40 minutes" in hard.text()
    long = cost_of(time_bin(32, (1, 3, 9), stream=stream(0)), HALF)
    assert "never more than" in long.text() and "qlat sample draws" not in long.text()
    noisy = cost_of(haar(32, stream(0)), HALF, interference=0.5, transmission=0.5)
    assert "approximately simulable" in noisy.text() and "1809.01953" in noisy.text()


@pytest.mark.parametrize(
    ("device", "noise"),
    [
        (haar(32, stream(0)), {}),
        (haar(32, stream(0)), {"interference": 0.0}),
        (time_bin(32, (1, 1), stream=stream(0)), {"transmission": 0.5}),
        (time_bin(32, (1, 3, 9), stream=stream(0)), {"interference": 0.9}),
    ],
    ids=["haar", "distinguishable", "lossy loops", "partial"],
)
def test_json_says_what_the_object_says(device, noise):
    cost = cost_of(device, HALF, **noise)
    content = json.loads(json.dumps(cost.to_json(), allow_nan=False))
    assert content["schema"] == 1 and content["kind"] == "photonic"
    assert (content["num_modes"], content["num_photons"]) == (32, 16)
    assert content["best"] == content["algorithms"][0]["algorithm"] == cost.best.algorithm
    assert content["not_in_q"] is cost.is_in_no_hard_family
    assert content["crossing"]["num_photons"] == cost.crossing.num_photons
    assert content["processor"]["source"]


def photonic(name, **more):
    return PhotonicSpec(
        name=name,
        dim=16,
        num_photons=8,
        interferometer="haar",
        sharing="shared",
        scaling="raw",
        bank_size=None,
        num_held_out=1,
        **more,
    )


def test_the_latent_of_a_run():
    quantum = cost_of_latent(photonic("quantum"), 3, speeds=SPEEDS)
    assert isinstance(quantum, SimulationCost)
    assert quantum.occupation == (1, 0) * 8 and quantum.interference == 1
    control = cost_of_latent(photonic("distinguishable"), 3, speeds=SPEEDS)
    assert isinstance(control, SimulationCost)
    assert control.best.algorithm == "independent" and control.is_in_no_hard_family
    shared = {"dim": 16, "scaling": "raw", "bank_size": None, "num_held_out": 1}
    device = {"num_photons": 8, "interferometer": "time-bin:1,1", "sharing": "shared"}
    noisy = NoisyPhotonicSpec(name="interference:0.5", interference=0.5, **device, **shared)
    cost = cost_of_latent(noisy, 0, speeds=SPEEDS, num_samples=10)
    assert isinstance(cost, SimulationCost)
    assert (cost.interference, cost.num_samples) == (0.5, 10)
    assert cost.interferometer == "time-bin 1-1"
    bank = BankSpec(name="bank:pt2", checksum="0" * 64, **{**shared, "bank_size": 10})
    for spec, said, known in [
        (GaussianSpec(**shared), "classical by construction and not in Q", True),
        (RivalSpec(name="copula", **device, **shared), "classical by construction", True),
        (RivalSpec(name="pairwise", **device, **shared), "no polynomial sampler", None),
        (SqueezedSpec(**device, **shared), "no polynomial sampler", None),
        (CommutingSpec(**shared), "no polynomial sampler", None),
        (IsingSpinsSpec(**shared), "classical by construction", True),
        (bank, "draws again what was drawn before", None),
    ]:
        card = cost_of_latent(spec, 0)
        assert isinstance(card, CardCost)
        assert said in card.text() and card.simulation in card.text()
        assert json.loads(json.dumps(card.to_json()))["not_in_q"] is known


def test_bad_calls_are_refused():
    device = haar(4, stream(0))
    for occupation, options, said in [
        ((0, 0, 0, 0), {}, "without photons"),
        ((1, 0), {}, "shape"),
        ((1, 0, 1, 0), {"interference": 1.5}, "interference is between 0 and 1, not 1.5"),
        ((1, 0, 1, 0), {"transmission": 0.0}, "transmission is above 0"),
        ((1, 0, 1, 0), {"num_samples": 0}, "num_samples"),
        ((1, 0, 1, 0), {"rate": -1.0}, "positive number of shots"),
        ((1, 0, 1, 0), {"num_threads": 2}, "leave it out"),
    ]:
        with pytest.raises(ValueError, match=said):
            cost_of(device, occupation, **options)
    with pytest.raises(TypeError, match="a rate is"):
        cost_of(device, (1, 0, 1, 0), rate="fast")


def test_a_measured_size_is_told_apart_from_a_formula():
    cost = simulation_cost(haar(8, stream(0)), (1, 0) * 4, interference=0.0, num_threads=1)
    assert cost.best.how == "measured"
    assert 0 < cost.best.shot.low <= cost.best.shot.seconds <= cost.best.shot.high


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 ns"),
        (3.2e-9, "3.2 ns"),
        (9.99e-7, "1.0 µs"),
        (59.0, "59 s"),
        (90.0, "1.5 min"),
        (3.2e16, "1.0e+09 years"),
    ],
)
def test_lengths_of_time(seconds, text):
    assert time_text(seconds) == text
