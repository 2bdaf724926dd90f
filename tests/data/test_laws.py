"""Squeezed and thermal light, commuting circuits and Ising spins as data sets."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.circuits import haar, random_commuting_circuit
from quantum_latents.data import GaussianBosonSpec, IQPSpec, IsingSpec, ThermalSpec, load
from quantum_latents.random import stream
from quantum_latents.samplers import (
    commuting_law,
    covariance,
    ising_law,
    mean_occupancy,
    squeezed_law,
)
from quantum_latents.samplers.squeezed import equal_squeezing
from quantum_latents.samplers.validation import chi_square

ALPHA = 1e-6
SIZES = {"num_train": 20_000, "num_held_out": 20_000}
GBS = GaussianBosonSpec(num_modes=4, num_squeezed=2, mean_photons=1.0, max_photons=6, **SIZES)


def strings(num_bits):
    return (np.arange(2**num_bits)[:, None] >> np.arange(num_bits)) & 1


def law_of(spec, seed):
    data = stream(seed, "data")
    if isinstance(spec, GaussianBosonSpec):
        device = haar(4, data.child("interferometer"))
        squeezing = equal_squeezing((1, 0, 1, 0), spec.mean_photons)
        return squeezed_law(device, squeezing, max_photons=spec.max_photons)
    if isinstance(spec, IQPSpec):
        circuit = random_commuting_circuit(spec.num_qubits, data.child("circuit"))
        return strings(spec.num_qubits), commuting_law(circuit)
    return strings(spec.side**2), ising_law(spec.side, spec.temperature)


@pytest.mark.parametrize("part", ["train", "held_out", "floor_reference"])
@pytest.mark.parametrize(
    "spec",
    [GBS, IQPSpec(num_qubits=6, **SIZES), IsingSpec(side=3, **SIZES)],
    ids=lambda spec: spec.name,
)
def test_samples_follow_the_exact_law_of_the_seed(spec, part):
    data = load(spec, stream(3, "data"), Path("unused"))
    law = law_of(spec, 3)
    assert chi_square(getattr(data, part).astype(int), law).p_value > ALPHA
    assert data.facts["collision_probability"] == pytest.approx((law[1] ** 2).sum())


@pytest.mark.parametrize("spec", [GBS, IQPSpec(num_qubits=6, **SIZES)], ids=lambda s: s.name)
def test_every_seed_has_a_circuit_of_its_own(spec):
    data = load(spec, stream(4, "data"), Path("unused"))
    assert chi_square(data.train.astype(int), law_of(spec, 3)).p_value < 1e-30


def test_thermal_data_have_their_exact_moments():
    data = load(ThermalSpec(num_modes=4, num_lit=2, **SIZES), stream(0, "data"), Path("unused"))
    device = haar(4, stream(0, "data", "interferometer"))
    mean = mean_occupancy(device, (1, 0, 1, 0))
    matrix = covariance(device, (1, 0, 1, 0), "thermal")
    error = 5 * np.sqrt(np.diag(matrix) / 20_000)
    assert (np.abs(data.train.mean(axis=0) - mean) < error).all()
    np.testing.assert_allclose(np.cov(data.train.T), matrix, atol=0.15)


def test_what_was_kept_stands_in_the_notes():
    spec = dataclasses.replace(GBS, num_train=2, num_held_out=2)
    (note,) = load(spec, stream(0, "data"), Path("unused")).notes
    # One squeezed pair of modes is geometric: 1 - (1/3)**4 of the pairs are at most 3.
    assert note.startswith("Post-selected on at most 6 photons: 98.76 % of the shots")
