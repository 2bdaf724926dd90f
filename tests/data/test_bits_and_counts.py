from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from quantum_latents.circuits import haar
from quantum_latents.data import BitsSpec, PhotonCountsSpec, load
from quantum_latents.random import stream
from quantum_latents.samplers.probabilities import boson_law

ALPHA = 1e-6


def test_bit_strings_are_uniform():
    spec = BitsSpec(num_bits=8, num_train=50_000, num_held_out=2)
    bits = load(spec, stream(0, "data"), Path("unused")).train
    assert set(np.unique(bits)) == {0.0, 1.0}
    strings = bits.astype(int) @ (1 << np.arange(8))
    assert scipy.stats.chisquare(np.bincount(strings, minlength=256)).pvalue > ALPHA


def test_photon_totals_are_conserved(tmp_path):
    spec = PhotonCountsSpec(num_train=5000, num_held_out=1000)
    counts = load(spec, stream(0, "data"), tmp_path)
    assert counts.facts["photon_total"] == 8
    for part in (counts.train, counts.held_out, counts.floor_reference):
        assert part.shape[1] == 16
        assert (part.sum(axis=1) == 8).all()
        assert (part == np.rint(part)).all()


@pytest.mark.parametrize("part", ["train", "held_out", "floor_reference"])
def test_counts_follow_the_exact_law_of_the_interferometer(part, tmp_path):
    spec = PhotonCountsSpec(num_modes=4, num_photons=2, num_train=20_000, num_held_out=20_000)
    counts = getattr(load(spec, stream(0, "data"), tmp_path), part)
    interferometer = haar(4, stream(0, "data", "interferometer"))
    outcomes, probabilities = boson_law(interferometer, (1, 0, 1, 0))
    powers = 3 ** np.arange(4)
    index = {int(code): k for k, code in enumerate(outcomes @ powers)}
    observed = np.bincount(
        [index[int(code)] for code in counts.astype(int) @ powers], minlength=len(outcomes)
    )
    assert scipy.stats.chisquare(observed, probabilities * len(counts)).pvalue > ALPHA


def test_banks_are_kept_and_used_again(tmp_path):
    spec = PhotonCountsSpec(num_modes=4, num_photons=2, num_train=100, num_held_out=50)

    def files():
        return {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.suffix == ".npy"}

    first = load(spec, stream(0, "data"), tmp_path)
    written = files()
    assert len(written) == 3
    again = load(spec, stream(0, "data"), tmp_path)
    assert files() == written
    assert (again.train == first.train).all()
