"""perceval's circuit is our interferometer, by exact probabilities."""

import numpy as np
import perceval
import pytest
from perceval.serialization import deserialize, serialize

from quantum_latents.circuits import from_unitary, haar, time_bin
from quantum_latents.processors.perceval_circuit import (
    NotSamples,
    experiment,
    mesh,
    samples_to_counts,
)
from quantum_latents.random import stream
from quantum_latents.samplers import boson_law

DEVICES = {
    "haar": haar(5, stream(3, "interferometer")),
    "time-bin": time_bin(6, (1, 2), stream=stream(4, "interferometer")),
    "reversal": from_unitary(np.eye(4)[::-1]),
    "identity": from_unitary(np.eye(3)),
}


def exact_law(built: perceval.Experiment, outcomes: np.ndarray) -> np.ndarray:
    """Return perceval's own exact probabilities of the outcomes (K, m)."""
    processor = perceval.Processor("SLOS", built)
    law = processor.probs()["results"]
    return np.array([law[perceval.BasicState([int(n) for n in row])] for row in outcomes])


@pytest.mark.parametrize("decompose", [False, True])
@pytest.mark.parametrize("name", ["haar", "time-bin"])
def test_perceval_gives_our_exact_law(name, decompose):
    device = DEVICES[name]
    occupation = (2, 0, 1, *[0] * (device.num_modes - 3))
    outcomes, probabilities = boson_law(device, occupation)
    built = experiment(device, occupation, decompose=decompose)
    np.testing.assert_allclose(exact_law(built, outcomes), probabilities, atol=1e-12)
    # The contrast: an interferometer used the wrong way round has another law.
    wrong = experiment(from_unitary(device.unitary.T), occupation, decompose=decompose)
    assert np.abs(exact_law(wrong, outcomes) - probabilities).max() > 1e-3


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES.keys())
def test_the_mesh_is_the_unitary_phases_included(device):
    np.testing.assert_allclose(
        np.array(mesh(device.unitary).compute_unitary()), device.unitary, atol=1e-13
    )


def test_zeros_need_no_coupler():
    couplers = [c for _, c in mesh(np.eye(6)) if isinstance(c, perceval.BS)]
    assert not couplers
    dense = [c for _, c in mesh(DEVICES["haar"].unitary) if isinstance(c, perceval.BS)]
    assert len(dense) == 10


def test_the_filter_arrives_as_it_was_sent():
    built = experiment(DEVICES["haar"], (1, 0, 1, 0, 1))
    assert list(built.input_state) == [1, 0, 1, 0, 1]
    assert deserialize(serialize(built)).min_photons_filter == 1
    # Why it is not 0: that arrives as none, which would discard every shot that lost a photon.
    built.min_detected_photons_filter(0)
    assert deserialize(serialize(built)).min_photons_filter is None


def test_counts_keep_the_order_of_the_shots():
    rows = [[0, 2, 1], [1, 1, 1], [0, 2, 1], [0, 0, 0], [255, 0, 0]]
    samples = perceval.BSSamples([perceval.BasicState(row) for row in rows])
    counts = samples_to_counts(samples)
    assert counts.dtype == np.uint8
    assert counts.tolist() == rows


def state(*photons):
    return perceval.BasicState(list(photons))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (perceval.BSSamples([state(1, 0), state(1, 0, 0)]), r"numbers of modes: \[2, 3\]"),
        (perceval.BSSamples([state(256, 0)]), "256 photons"),
        (perceval.BSSamples(), "no shot"),
        (perceval.BSCount({state(1, 0): 3}), "BSCount"),
        (None, "NoneType"),
        ([[1, 0]], "list"),
    ],
)
def test_what_is_no_list_of_shots_is_refused(samples, message):
    with pytest.raises(NotSamples, match=message):
        samples_to_counts(samples)
