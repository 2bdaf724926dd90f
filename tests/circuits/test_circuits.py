"""Interferometers: unitarity, the Haar law, the loops' physics, rebuilding bit for bit."""

import json
import pickle

import numpy as np
import pytest

from quantum_latents.circuits import Interferometer, from_unitary, haar, parse, rebuild, time_bin
from quantum_latents.circuits.time_bin import couplers, num_couplers
from quantum_latents.random import stream

NAME = stream(0, "interferometer")


def examples():
    return [
        haar(1, NAME),
        haar(5, NAME),
        haar(32, NAME),
        time_bin(8, (1, 1), stream=NAME),
        time_bin(12, (1, 3, 9), stream=NAME),
        time_bin(3, (1,), stream=NAME, angles=[0.1, 0.2]),
        time_bin(3, (1,), stream=NAME, phases=[1 / 3, 2 / 3]),
        time_bin(3, (2, 1), angles=[0.1, 0.2, 0.3], phases=[0, 1, 2]),
        from_unitary(haar(6, stream(1, "mine")).unitary.T),
    ]


@pytest.mark.parametrize("device", examples(), ids=repr)
def test_every_interferometer_is_unitary_and_rebuilt_bit_for_bit(device):
    identity = np.eye(device.num_modes)
    assert np.abs(device.unitary.conj().T @ device.unitary - identity).max() < 1e-13
    again = rebuild(json.loads(json.dumps(device.recipe)))
    assert again.unitary.tobytes() == device.unitary.tobytes()
    assert again == device
    assert hash(again) == hash(device)
    assert pickle.loads(pickle.dumps(device)) == device


def test_interferometers_are_frozen():
    device = haar(3, NAME)
    with pytest.raises(ValueError, match="read-only"):
        device.unitary[0, 0] = 0
    with pytest.raises(AttributeError, match="frozen"):
        device.unitary = np.eye(3)
    device.recipe["num_modes"] = 7
    assert device.recipe["num_modes"] == 3
    assert device != haar(3, stream(1, "interferometer"))
    assert device != haar(4, NAME)


def trace_moments(unitaries):
    """z-scores of Re tr U = 0, |tr U|^2 = 1 and |tr U|^4 = 2, the Haar values for m >= 2."""
    trace = np.array([np.trace(unitary) for unitary in unitaries])
    samples = np.stack([trace.real, np.abs(trace) ** 2 - 1, np.abs(trace) ** 4 - 2])
    return samples.mean(axis=1) / (samples.std(axis=1) / np.sqrt(len(trace)))


def test_haar_matches_the_moments_of_the_haar_measure():
    m, draws = 4, 3000
    unitaries = np.array([haar(m, NAME.child(i)).unitary for i in range(draws)])
    assert np.abs(trace_moments(unitaries)).max() < 5.2  # alpha 6e-7
    squared = np.abs(unitaries) ** 2
    for power, exact in [(1, 1 / m), (2, 2 / (m * (m + 1)))]:
        values = squared**power
        z = (values.mean(axis=0) - exact) / (values.std(axis=0) / np.sqrt(draws))
        assert np.abs(z).max() < 5.5
    # The same moments expose a QR factor without the phase correction.
    generator = stream(0, "ginibre").generator()
    ginibre = generator.normal(size=(draws, m, m, 2)) @ np.array([1, 1j])
    assert np.abs(trace_moments(np.linalg.qr(ginibre)[0])).max() > 20


def test_a_haar_draw_is_the_phase_corrected_qr_of_its_ginibre_matrix():
    ginibre = NAME.generator().normal(size=(6, 6, 2)) @ np.array([1.0, 1.0j])
    q, r = np.linalg.qr(ginibre)
    expected = q * (np.diag(r) / np.abs(np.diag(r)))
    assert np.abs(haar(6, NAME).unitary - expected).max() < 1e-13


def test_one_coupler_is_the_stated_beam_splitter():
    theta, phi = 0.3, 1.1
    phase = np.exp(1j * phi)
    expected = [
        [phase * np.cos(theta), -np.sin(theta)],
        [phase * np.sin(theta), np.cos(theta)],
    ]
    device = time_bin(2, (1,), angles=[theta], phases=[phi])
    assert np.allclose(device.unitary, expected, atol=1e-15)


def test_a_closed_loop_delays_every_bin():
    # Full transmission: bin 0 enters the loop, and each bin is handed to the next.
    m = 5
    device = time_bin(m, (1,), angles=[np.pi / 2] * (m - 1), phases=[0] * (m - 1))
    expected = np.roll(np.eye(m), -1, axis=0)
    assert np.abs(np.abs(device.unitary) - expected).max() < 1e-15


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_a_loop_couples_only_bins_a_multiple_of_its_delay_apart(delay):
    device = time_bin(9, (delay,), stream=NAME)
    row, column = np.indices((9, 9))
    reachable = ((row - column) % delay == 0) & (row >= column - delay)
    assert np.abs(device.unitary[~reachable]).max(initial=0) < 1e-15
    assert np.abs(device.unitary[reachable]).min() > 0


def test_loops_act_one_after_the_other():
    angles, phases = np.linspace(0, 1, 7), np.linspace(1, 2, 7)
    both = time_bin(5, (1, 2), angles=angles, phases=phases)
    first = time_bin(5, (1,), angles=angles[:4], phases=phases[:4])
    second = time_bin(5, (2,), angles=angles[4:], phases=phases[4:])
    assert np.allclose(both.unitary, second.unitary @ first.unitary, atol=1e-15)


def test_drawn_couplings_follow_the_stated_law():
    draws = 1500
    unitaries = [time_bin(2, (1,), stream=NAME.child(i)).unitary for i in range(draws)]
    transmission = np.sort([abs(unitary[1, 0]) ** 2 for unitary in unitaries])
    phase = np.sort([np.angle(unitary[1, 0]) % (2 * np.pi) for unitary in unitaries])
    grid = np.arange(1, draws + 1) / draws
    for values in (transmission, phase / (2 * np.pi)):
        assert np.abs(values - grid).max() < 2.7 / np.sqrt(draws)  # Kolmogorov, alpha 1e-6


def test_given_values_stand_in_the_recipe_and_unused_streams_do_not():
    device = time_bin(3, (1,), stream=NAME, angles=[0.1, 0.2], phases=[0, 0])
    assert device.recipe["angles"] == [0.1, 0.2]
    assert "stream" not in device.recipe
    assert device == time_bin(3, (1,), angles=[0.1, 0.2], phases=[0, 0])
    assert num_couplers(32, (1, 3, 9)) == 31 + 29 + 23


@pytest.mark.parametrize(
    "values",
    [{}, {"angles": [0.1, 0.2, 0.3, 0.4, 0.5]}, {"phases": [0, 1, 2, 3, 4.0]},
     {"angles": [0.1, 0.2, 0.3, 0.4, 0.5], "phases": [0, 1, 2, 3, 4.0]}],
    ids=["drawn", "angles", "phases", "both"],
)  # fmt: skip
def test_the_couplers_of_a_recipe_make_its_unitary(values):
    device = time_bin(4, (1, 2), stream=NAME, **values)
    acting = couplers(json.loads(json.dumps(device.recipe)))
    assert [c[:2] for c in acting] == [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]
    product = np.eye(4)
    for early, late, theta, phi in acting:
        one = np.eye(4, dtype=complex)
        one[np.ix_([early, late], [early, late])] = time_bin(
            2, (1,), angles=[theta], phases=[phi]
        ).unitary
        product = one @ product
    assert np.abs(product - device.unitary).max() < 1e-15
    for name in values:
        assert [getattr(c, {"angles": "theta", "phases": "phi"}[name]) for c in acting] == list(
            values[name]
        )


def test_only_time_bins_have_couplers():
    with pytest.raises(ValueError, match="'haar' has no couplers"):
        couplers(haar(3, NAME).recipe)


def test_a_unitary_that_is_not_is_refused_with_its_deviation():
    unitary = haar(4, NAME).unitary.copy()
    unitary[0] *= 1 + 1e-6
    with pytest.raises(ValueError, match=r"not unitary.* 2e-06"):
        from_unitary(unitary)
    unitary[0] /= 1 + 1e-6
    unitary[0] *= 1 + 1e-9
    assert from_unitary(unitary).num_modes == 4


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((2, 3)), "square"),
        (np.ones(4), "square"),
        (np.zeros((0, 0)), "square"),
        (np.array([[np.nan, 0], [0, 1]]), "NaN"),
        (np.array([["a", "b"], ["c", "d"]]), "numbers"),
    ],
)
def test_what_is_not_a_matrix_of_numbers_is_refused(array, message):
    with pytest.raises(ValueError, match=message):
        from_unitary(array)


def test_parse_reads_what_a_user_types(tmp_path):
    assert parse("haar:16", NAME) == haar(16, NAME)
    assert parse("time-bin:32:1,3,9", NAME) == time_bin(32, (1, 3, 9), stream=NAME)
    assert parse("time-bin:32:1-1", NAME) == time_bin(32, (1, 1), stream=NAME)
    unitary = haar(5, NAME).unitary
    np.save(tmp_path / "mine.npy", unitary)
    assert parse(str(tmp_path / "mine.npy"), NAME) == from_unitary(unitary)


@pytest.mark.parametrize(
    "text", ["", "haar", "haar:", "haar:x", "haar:0", "haar:3:4", "time-bin:8", "time-bin:8:0",
             "time-bin:8:8", "time-bin:8:1,,1", "unitary.txt", "HAAR:4"]
)  # fmt: skip
def test_parse_refuses_what_it_does_not_know(text):
    with pytest.raises(ValueError, match=r".+"):
        parse(text, NAME)


def test_parse_names_a_missing_or_foreign_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        parse(str(tmp_path / "absent.npy"), NAME)
    (tmp_path / "text.npy").write_text("not an array")
    with pytest.raises(ValueError, match="text"):
        parse(str(tmp_path / "text.npy"), NAME)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({}, "kind"),
        ({"kind": "fourier"}, "fourier"),
        ({"kind": "haar", "num_modes": 3}, "lacks.*stream"),
        ({"kind": "haar", "num_modes": 3, "stream": [0], "seed": 1}, "unknown.*seed"),
        ({"kind": "haar", "num_modes": 3, "stream": 0}, "stream"),
    ],
)
def test_rebuild_refuses_unknown_recipes(recipe, message):
    with pytest.raises(ValueError, match=message):
        rebuild(recipe)


def test_rebuild_notices_a_changed_matrix():
    recipe = from_unitary(np.eye(2)).recipe
    with pytest.raises(ValueError, match="sha256"):
        rebuild({**recipe, "sha256": "0" * 64})
    with pytest.raises(ValueError, match="3 modes"):
        rebuild({**recipe, "num_modes": 3})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: haar(2.5, NAME), TypeError, "2.5"),
        (lambda: haar(-1, NAME), ValueError, "-1"),
        (lambda: haar(3, 0), TypeError, "Stream"),
        (lambda: time_bin(4, (), stream=NAME), ValueError, "at least one loop"),
        (lambda: time_bin(4, 1, stream=NAME), TypeError, "sequence"),
        (lambda: time_bin(4, (1.5,), stream=NAME), TypeError, "1.5"),
        (lambda: time_bin(4, (4,), stream=NAME), ValueError, "between 1 and 3"),
        (lambda: time_bin(4, (1,)), ValueError, "angles"),
        (lambda: time_bin(4, (1,), angles=[0, 0, 0]), ValueError, "phases"),
        (lambda: time_bin(4, (1,), stream=NAME, angles=[0]), ValueError, r"\(3,\)"),
        (lambda: time_bin(3, (1,), stream=NAME, angles=[0, np.inf]), ValueError, "infinite"),
        (lambda: Interferometer(np.eye(2) * 2, {"kind": "x"}), ValueError, "not unitary"),
    ],
)
def test_bad_calls_name_the_value(call, error, message):
    with pytest.raises(error, match=message):
        call()
