"""Counts of noisy devices follow their exact laws; what is not exact is refused by name.

Every stream is fixed, so each statistical test is deterministic; its threshold is set for a
false alarm of 1e-6 had the stream been drawn anew.
"""

import json
import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_latents.circuits import dilation, from_unitary, haar, lossy_time_bin, time_bin
from quantum_latents.random import stream
from quantum_latents.samplers import (
    Noise,
    NoisySampler,
    boson_law,
    noisy_law,
    noisy_path,
    sample_boson,
    sample_distinguishable,
    sample_noisy,
)
from quantum_latents.samplers.noise import dark_count_table, double_emission
from quantum_latents.samplers.validation import chi_square

ALPHA = 1e-6
NAME = stream(0, "interferometer")
SHOTS = stream(0, "shots")
SPLITTER = from_unitary(np.array([[1, 1], [1, -1]]) / np.sqrt(2))
DEVICE = haar(4, NAME)
LOOPS = time_bin(4, (1, 2), stream=NAME)


def random_gram(size, seed):
    phi = stream(seed, "gram").generator().normal(size=(size, size, 2)) @ np.array([1, 1j])
    phi /= np.linalg.norm(phi, axis=1)[:, None]
    return phi.conj() @ phi.T


GRAM = random_gram(3, 0)

# (interferometer, occupation, noise, the same without what is tested: its law must be rejected)
ALONE = {
    "interference": (DEVICE, (1, 1, 1, 0), {"interference": 0.6}, {}),
    "no interference": (DEVICE, (1, 1, 1, 0), {"interference": 0.0}, {"interference": 0.4}),
    "interference, bunched": (DEVICE, (2, 0, 1, 0), {"interference": 0.6}, {}),
    "gram": (DEVICE, (1, 1, 1, 0), {"gram": GRAM}, {}),
    "gram, bunched": (DEVICE, (2, 1, 0, 0), {"gram": GRAM}, {}),
    "emission": (DEVICE, (1, 1, 1, 0), {"emission": 0.7}, {"emission": 0.73}),
    "emission by mode": (DEVICE, (1, 1, 1, 0), {"emission": (0.9, 0.2, 0.7, 1)}, {"emission": 0.6}),
    "input photons": (DEVICE, (1, 1, 1, 1), {"input_photons": 2}, {"emission": 0.5}),
    "input photons, bunched": (DEVICE, (2, 0, 1, 1), {"input_photons": 2}, {"emission": 0.5}),
    "g2": (DEVICE, (1, 1, 1, 0), {"g2": 0.2}, {"g2": 0.22}),
    "g2, indistinguishable": (
        DEVICE,
        (1, 1, 1, 0),
        {"g2": 0.2, "extra_photon": "indistinguishable"},
        {"g2": 0.2},
    ),
    "input": (DEVICE, (1, 1, 1, 0), {"input_transmission": 0.6}, {"input_transmission": 0.62}),
    "input by mode": (
        DEVICE,
        (1, 1, 2, 0),
        {"input_transmission": (0.3, 0.5, 0.9, 0)},
        {"input_transmission": (0.5, 0.3, 0.9, 0)},
    ),
    "loops": (
        LOOPS,
        (1, 1, 1, 0),
        {"loop_transmission": (0.5, 0.8)},
        {"loop_transmission": (0.55, 0.75)},
    ),
    "output": (DEVICE, (1, 1, 1, 0), {"output_transmission": 0.6}, {"output_transmission": 0.62}),
    "output by mode": (
        DEVICE,
        (1, 1, 1, 0),
        {"output_transmission": (0.3, 0.5, 0.9, 1)},
        {"output_transmission": (0.5, 0.3, 0.9, 1)},
    ),
    "efficiency": (
        DEVICE,
        (1, 1, 1, 0),
        {"detector_efficiency": (0.9, 0.9, 0.2, 1)},
        {"output_transmission": (0.9, 0.9, 0.3, 1)},
    ),
    "dark counts": (DEVICE, (1, 1, 1, 0), {"dark_counts": 0.1}, {"dark_counts": 0.12}),
    "dark counts by mode": (
        DEVICE,
        (1, 1, 0, 0),
        {"dark_counts": (0, 0.2, 0, 1.1)},
        {"dark_counts": (0, 0.2, 0.1, 1.1)},
    ),
    "threshold": (DEVICE, (1, 1, 2, 0), {"threshold": True}, {}),
    "at least": (
        DEVICE,
        (1, 1, 1, 1),
        {"at_least": 2, "emission": 0.5},
        {"emission": 0.5},
    ),
    "exactly": (
        DEVICE,
        (1, 1, 1, 1),
        {"exactly": 2, "emission": 0.5},
        {"emission": 0.5},
    ),
}

TOGETHER = {
    "detector chain": (
        DEVICE,
        (1, 1, 1, 0),
        {"detector_efficiency": 0.7, "dark_counts": 0.2, "threshold": True, "at_least": 2},
        {"detector_efficiency": 0.7, "threshold": True, "at_least": 2},
    ),
    "source": (
        DEVICE,
        (1, 1, 1, 0),
        {"interference": 0.8, "g2": 0.1, "emission": 0.6, "input_transmission": (0.5, 0.9, 1, 1)},
        {"interference": 0.8, "emission": 0.6, "input_transmission": (0.5, 0.9, 1, 1)},
    ),
    "all bins filled": (
        LOOPS,
        (1, 1, 1, 1),
        {"loop_transmission": (0.9, 0.8), "interference": 0.9, "exactly": 2},
        {"loop_transmission": (0.9, 0.8), "interference": 0.3, "exactly": 2},
    ),
    "random inputs of a lossy device": (
        DEVICE,
        (1, 1, 1, 1),
        {"input_photons": 3, "output_transmission": (0.6, 0.9, 0.9, 0.8), "interference": 0.5},
        {"input_photons": 3, "output_transmission": (0.6, 0.9, 0.9, 0.8)},
    ),
    "gram": (
        LOOPS,
        (1, 1, 1, 0),
        {
            "gram": GRAM,
            "loop_transmission": (0.9, 0.8),
            "input_transmission": (0.5, 0.6, 0.7, 0.8),
            "dark_counts": 0.05,
            "exactly": 2,
        },
        {
            "loop_transmission": (0.9, 0.8),
            "input_transmission": (0.5, 0.6, 0.7, 0.8),
            "dark_counts": 0.05,
            "exactly": 2,
        },
    ),
    "everything": (
        LOOPS,
        (1, 1, 1, 1),
        {
            "interference": 0.7,
            "emission": 0.9,
            "input_photons": 3,
            "g2": 0.1,
            "extra_photon": "indistinguishable",
            "input_transmission": (0.9, 0.8, 1, 0.9),
            "loop_transmission": (0.95, 0.9),
            "output_transmission": (0.5, 0.6, 0.7, 0.8),
            "detector_efficiency": 0.9,
            "dark_counts": 0.05,
            "threshold": True,
            "at_least": 2,
        },
        {},
    ),
}
CASES = {**ALONE, **{f"together: {name}": case for name, case in TOGETHER.items()}}


@pytest.mark.parametrize("name", CASES)
def test_counts_follow_the_exact_law(name):
    device, occupation, noise, other = CASES[name]
    counts = sample_noisy(device, occupation, Noise(**noise), 40_000, SHOTS)
    assert chi_square(counts, noisy_law(device, occupation, Noise(**noise))).p_value > ALPHA
    assert chi_square(counts, noisy_law(device, occupation, Noise(**other))).p_value < 1e-9


@pytest.mark.parametrize("name", CASES)
def test_a_shot_depends_on_its_index_alone(name):
    device, occupation, noise, _ = CASES[name]
    sampler = NoisySampler(device, occupation, Noise(**noise))
    whole = sampler.sample(600, SHOTS, num_threads=1)
    assert np.array_equal(sampler.sample(600, SHOTS, num_threads=3), whole)
    for start, stop in [(0, 1), (13, 14), (100, 450), (599, 600), (5, 5)]:
        part = sampler.sample(stop - start, SHOTS, start=start)
        assert np.array_equal(part, whole[start:stop])
    assert not np.array_equal(sampler.sample(600, SHOTS, start=2**40), whole)
    assert not np.array_equal(sampler.sample(600, SHOTS.child(1)), whole)


@pytest.mark.parametrize("name", ["exactly", "together: everything", "g2"])
def test_shots_are_independent_of_their_neighbours(name):
    device, occupation, noise, _ = CASES[name]
    counts = sample_noisy(device, occupation, Noise(**noise), 60_000, SHOTS)
    size = counts.shape[1]
    across = np.corrcoef(counts[::2], counts[1::2], rowvar=False)[:size, size:]
    # A correlation of nothing is estimated as normal, with a spread of 1 / sqrt(30,000).
    assert np.abs(across).max() < 6 / np.sqrt(30_000)


def test_the_ideal_device_is_the_boson_sampler_shot_by_shot():
    for device, occupation in [(DEVICE, (1, 1, 1, 0)), (haar(20, NAME), (1,) * 10 + (0,) * 10)]:
        ideal = sample_noisy(device, occupation, Noise(), 300, SHOTS)
        assert np.array_equal(ideal, sample_boson(device, occupation, 300, SHOTS))
        alone = sample_noisy(device, occupation, Noise(interference=0), 300, SHOTS)
        assert np.array_equal(alone, sample_distinguishable(device, occupation, 300, SHOTS))


@pytest.mark.parametrize("x", [0.0, 0.3, 0.8, 1.0])
def test_hong_ou_mandel_photons_leave_apart_with_half_of_1_minus_x_squared(x):
    counts = sample_noisy(SPLITTER, [1, 1], Noise(interference=x), 40_000, SHOTS)
    apart = (counts == 1).all(axis=1).mean()
    exact = (1 - x**2) / 2
    assert abs(apart - exact) <= 5 * np.sqrt(exact * (1 - exact) / 40_000)
    law = dict(zip(*(part.tolist() for part in _listed(SPLITTER, [1, 1], x)), strict=True))
    assert law.get("[1, 1]", 0.0) == pytest.approx(exact, abs=1e-12)


def _listed(device, occupation, x):
    outcomes, probabilities = noisy_law(device, occupation, Noise(interference=x))
    return np.array([str(row) for row in outcomes.tolist()]), probabilities


def test_nothing_gets_through_no_transmission():
    for field in ("emission", "input_transmission", "output_transmission", "detector_efficiency"):
        for x in (0.0, 0.5, 1.0):
            noise = Noise(**{field: 0.0}, interference=x)
            assert not sample_noisy(DEVICE, (1, 1, 1, 0), noise, 50, SHOTS).any()
    noise = Noise(input_transmission=0.0, gram=GRAM)
    assert not sample_noisy(DEVICE, (1, 1, 1, 0), noise, 50, SHOTS).any()
    assert not sample_noisy(DEVICE, (0, 0, 0, 0), Noise(interference=0.5), 5, SHOTS).any()


def test_uniform_loss_commutes_with_the_interferometer():
    # Whether photons are lost before or after, the law is the same, on both paths.
    device, occupation = haar(5, NAME), (1, 1, 0, 2, 0)
    laws = [
        noisy_law(device, occupation, Noise(**{field: 0.7}))
        for field in ("input_transmission", "output_transmission")
    ]
    dense = [{tuple(s): p for s, p in zip(o.tolist(), q, strict=True)} for o, q in laws]
    assert dense[0].keys() == dense[1].keys()
    assert all(abs(dense[0][s] - dense[1][s]) < 1e-13 for s in dense[0])
    loops = time_bin(3, (1,), angles=[0.0, 0.0], phases=[0.0, 0.0])
    transfer = lossy_time_bin(loops.recipe, [0.25])
    assert np.allclose(np.abs(transfer) ** 2, np.diag([0.25, 0.25, 1]))


def test_large_systems_lose_photons_where_it_is_cheap():
    # Twenty-four photons of which four arrive, one shot in a million all of them.
    device, occupation = haar(48, NAME), (1, 0) * 24
    noise = Noise(output_transmission=0.2, interference=0.9)
    counts = sample_noisy(device, occupation, noise, 4000, SHOTS)
    totals = np.bincount(counts.sum(axis=1, dtype=int), minlength=25)[:25]
    exact = np.array([math.comb(24, k) * 0.2**k * 0.8 ** (24 - k) for k in range(25)])
    law = (np.arange(25)[:, None], exact)
    rows = np.repeat(np.arange(25), totals)[:, None]
    assert chi_square(rows, law).p_value > ALPHA


def test_a_lossless_dilation_is_the_device_and_every_dilation_is_unitary():
    transfer = lossy_time_bin(LOOPS.recipe, [1.0, 1.0])
    assert np.array_equal(transfer, LOOPS.unitary)
    for losses in ([0.3, 0.9], [0.0, 1.0], [1.0, 1.0]):
        transfer = lossy_time_bin(LOOPS.recipe, losses)
        larger = dilation(transfer).unitary
        assert np.allclose(larger[:4, :4], transfer, atol=1e-12)
        assert np.allclose(larger @ larger.conj().T, np.eye(8), atol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(0, 0.5), st.floats(0.01, 1))
def test_double_emission_gives_the_g2_of_the_source(g2, emission):
    q = float(double_emission(g2, np.array([emission]))[0])
    assert 0 <= q <= 1
    p1, p2 = emission * (1 - q), emission * q
    assert 2 * p2 / (p1 + 2 * p2) ** 2 == pytest.approx(g2, rel=1e-9, abs=1e-15)


def test_dark_counts_are_poissonian():
    table = dark_count_table(np.array([0.0, 0.3, 150.0]))
    assert (table[:, -1] == 1).all()
    probabilities = np.diff(table[1:], prepend=0)
    numbers = np.arange(table.shape[1])
    assert np.allclose(probabilities @ numbers, [0.3, 150], rtol=1e-12)
    assert np.allclose(probabilities @ numbers**2 - (probabilities @ numbers) ** 2, [0.3, 150])


# What is refused, and what is kept


@pytest.mark.parametrize(
    ("noise", "error", "message"),
    [
        ({"interference": 1.1}, ValueError, r"interference.*1\.1"),
        ({"interference": math.nan}, ValueError, "interference.*nan"),
        ({"interference": "0.5"}, TypeError, "interference"),
        ({"interference": True}, TypeError, "interference"),
        ({"g2": 0.6}, ValueError, r"g2 is between 0 and 0\.5"),
        ({"input_transmission": -0.1}, ValueError, "input_transmission"),
        ({"output_transmission": (0.5, 2)}, ValueError, "output_transmission"),
        ({"output_transmission": ()}, ValueError, "none"),
        ({"detector_efficiency": None}, TypeError, "detector_efficiency"),
        ({"dark_counts": -1}, ValueError, "dark_counts"),
        ({"dark_counts": math.inf}, ValueError, "dark_counts"),
        ({"loop_transmission": 0.5}, TypeError, r"\(0\.5,\)"),
        ({"threshold": 1}, TypeError, "threshold"),
        ({"input_photons": 1.5}, TypeError, "input_photons"),
        ({"at_least": -1}, ValueError, "at_least"),
        ({"at_least": 1, "exactly": 1}, ValueError, "not by both"),
        ({"extra_photon": "thermal"}, ValueError, "thermal"),
        ({"gram": [[1, 0.5]]}, ValueError, "square"),
        ({"gram": [[1, 0.5], [0.4, 1]]}, ValueError, "Hermitian"),
        ({"gram": [[1, 0.5], [0.5, 0.9]]}, ValueError, "unit diagonal"),
        ({"gram": [[1, 2], [2, 1]]}, ValueError, "negative eigenvalue"),
        ({"gram": [["a"]]}, TypeError, "gram"),
        ({"gram": np.eye(2), "interference": 0.5}, ValueError, "given once"),
    ],
)
def test_bad_fields_name_the_value(noise, error, message):
    with pytest.raises(error, match=message):
        Noise(**noise)


@pytest.mark.parametrize(
    ("device", "occupation", "noise", "message"),
    [
        (DEVICE, (1, 1, 0, 0), {"input_transmission": (0.5, 0.5)}, "input_transmission of 4"),
        (DEVICE, (1, 1, 0, 0), {"input_photons": 3}, "at most the 2 photons"),
        (DEVICE, (1, 1, 0, 0), {"gram": GRAM}, "2 by 2, not 3 by 3"),
        (DEVICE, (1, 1, 1, 0), {"gram": GRAM, "g2": 0.1}, "with g2"),
        (DEVICE, (1, 1, 1, 0), {"gram": GRAM, "input_photons": 2}, "with input_photons"),
        (haar(40, NAME), (1,) * 8 + (0,) * 32, {"gram": random_gram(8, 1)}, "are enumerated"),
        (DEVICE, (1, 1, 1, 0), {"loop_transmission": (0.5,)}, "time-bin"),
        (LOOPS, (1, 1, 1, 0), {"loop_transmission": (0.5,)}, "2 of them"),
        (haar(41, NAME), (1,) * 41, {"interference": 0.5}, "41 photons may interfere"),
        (
            haar(21, NAME),
            (1,) * 21,
            {"g2": 0.1, "extra_photon": "indistinguishable"},
            "42 photons may interfere",
        ),
        (DEVICE, (200, 0, 0, 0), {"g2": 0.1, "interference": 0.0}, "uint8"),
        (DEVICE, (200, 0, 0, 0), {"g2": 0.1, "interference": 0.0, "threshold": True}, "uint8"),
        (DEVICE, (240, 0, 0, 0), {"dark_counts": 1.0, "interference": 0.0}, "uint8"),
        (DEVICE, (1, 0, 0, 0), {"dark_counts": 300.0}, "uint8"),
    ],
)
def test_what_does_not_fit_or_is_not_exact_is_refused_by_name(device, occupation, noise, message):
    with pytest.raises(ValueError, match=message):
        NoisySampler(device, occupation, Noise(**noise))


def test_threshold_detectors_count_no_further_than_one():
    noise = Noise(dark_counts=300.0, threshold=True, interference=0.0)
    assert (sample_noisy(DEVICE, (200, 0, 0, 0), noise, 5, SHOTS) == 1).all()


def test_the_path_is_a_function_of_the_recipe_alone():
    large = (1, 0) * 16
    assert noisy_path(32, large, Noise()) == "clifford-clifford"
    assert noisy_path(32, large, Noise(interference=0)) == "independent"
    assert noisy_path(8, (1, 0) * 4, Noise(dark_counts=0.1, threshold=True)) == "enumeration"
    assert noisy_path(8, (1, 0) * 4, Noise(input_transmission=(1, 0) * 4)) == "enumeration"
    assert noisy_path(8, (1, 0) * 4, Noise(input_transmission=(0.9, 0.8) * 4)) == "enumeration"
    assert noisy_path(8, (1, 1) * 4, Noise(input_transmission=(0.9, 0.8) * 4)) != "enumeration"
    assert noisy_path(4, (1, 1, 1, 0), Noise(gram=GRAM)) == "gram"
    lossy = {"input_transmission": 0.5}
    assert noisy_path(8, (1, 0) * 4, Noise(**lossy)) == "enumeration"
    assert noisy_path(8, (1, 0) * 4, Noise(**lossy, exactly=2)) == "clifford-clifford"


def test_noise_survives_json_and_refuses_unknown_and_missing_fields():
    for _, _, noise, _ in CASES.values():
        said = Noise(**noise)
        assert Noise.from_json(json.loads(json.dumps(said.to_json()))) == said
        assert hash(Noise.from_json(said.to_json())) == hash(said)
    assert Noise().is_ideal
    assert set(Noise().to_json()) == {field.name for field in fields(Noise)}
    with pytest.raises(ValueError, match="visibility"):
        Noise.from_json({**Noise().to_json(), "visibility": 0.5})
    content = Noise().to_json()
    del content["g2"]
    with pytest.raises(ValueError, match="g2"):
        Noise.from_json(content)
    with pytest.raises(TypeError, match="dict"):
        Noise.from_json(0.5)


def test_the_ideal_law_is_that_of_bosons():
    outcomes, probabilities = noisy_law(DEVICE, (1, 1, 1, 0), Noise())
    listed = {tuple(s): p for s, p in zip(outcomes.tolist(), probabilities, strict=True)}
    for outcome, p in zip(*boson_law(DEVICE, (1, 1, 1, 0)), strict=True):
        assert listed.get(tuple(outcome.tolist()), 0.0) == pytest.approx(p, abs=1e-13)
