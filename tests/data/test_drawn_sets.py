"""Laws that every drawn data set keeps."""

import dataclasses

import numpy as np
import pytest

from quantum_latents.data import (
    BitsSpec,
    CheckerboardSpec,
    GaussianBosonSpec,
    IQPSpec,
    IsingSpec,
    MixtureSpec,
    MoonsSpec,
    PhotonCountsSpec,
    PushforwardSpec,
    ThermalSpec,
    load,
)
from quantum_latents.data.width import width_of
from quantum_latents.metrics import METRICS, compute, floor
from quantum_latents.random import BLOCK_ROWS, stream

SPECS = {
    "mixture": MixtureSpec(num_train=60, num_held_out=50),
    "moons": MoonsSpec(num_train=60, num_held_out=50),
    "checkerboard": CheckerboardSpec(num_train=60, num_held_out=50),
    "bits": BitsSpec(num_bits=5, num_train=60, num_held_out=50),
    "counts": PhotonCountsSpec(num_modes=6, num_photons=3, num_train=60, num_held_out=50),
    "time-bin": PhotonCountsSpec(
        num_modes=6, num_photons=2, interferometer="time-bin:1,3", num_train=60, num_held_out=50
    ),
    "gbs": GaussianBosonSpec(
        num_modes=4, num_squeezed=4, mean_photons=1.5, max_photons=8, num_train=60, num_held_out=50
    ),
    "thermal": ThermalSpec(num_modes=4, num_lit=2, num_train=60, num_held_out=50),
    "iqp": IQPSpec(num_qubits=6, num_train=60, num_held_out=50),
    "ising": IsingSpec(side=3, num_train=60, num_held_out=50),
    "pushforward": PushforwardSpec(
        num_modes=4,
        num_photons=2,
        hidden=(5,),
        dim=6,
        negative_slope=0.2,
        gain=1.5,
        num_train=60,
        num_held_out=50,
    ),
}


@pytest.fixture(params=SPECS)
def spec(request):
    return SPECS[request.param]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("banks")


def test_sets_have_the_sizes_and_types_of_the_contract(spec, cache):
    data = load(spec, stream(0, "data"), cache)
    assert data.name == spec.name
    assert data.train.shape == (60, data.dim)
    assert data.held_out.shape == data.floor_reference.shape == (50, data.dim)
    for array in (data.train, data.held_out, data.floor_reference):
        assert array.dtype == np.float32
        assert not array.flags.writeable
    assert (data.to_data_units(data.train) == data.train).all()
    assert width_of(spec) == data.dim


def test_the_first_rows_of_more_are_the_rows_of_fewer(spec, cache):
    few = load(spec, stream(0, "data"), cache)
    larger = dataclasses.replace(spec, num_train=BLOCK_ROWS + 9, num_held_out=BLOCK_ROWS + 7)
    many = load(larger, stream(0, "data"), cache)
    assert (many.train[:60] == few.train).all()
    assert (many.held_out[:50] == few.held_out).all()
    assert (many.floor_reference[:50] == few.floor_reference).all()


def test_the_stream_alone_decides_and_the_three_sets_differ(spec, cache, tmp_path):
    first = load(spec, stream(3, "data"), cache)
    again = load(spec, stream(3, "data"), tmp_path)
    other = load(spec, stream(4, "data"), cache)
    assert (first.train == again.train).all()
    assert (first.held_out == again.held_out).all()
    assert (first.train != other.train).any()
    assert (first.train[:50] != first.held_out).any()
    assert (first.held_out != first.floor_reference).any()


def test_the_metrics_named_can_be_computed_from_the_facts(spec, cache):
    data = load(spec, stream(0, "data"), cache)
    for name in data.metrics:
        of_data = floor(name, data.floor_reference, data.held_out, data.facts, stream(0, "metrics"))
        generated = data.held_out + np.float32(5.37)
        value = compute(name, generated, data.held_out, data.facts, stream(0, "metrics"))
        if METRICS[name].direction == "lower":
            assert value > of_data
        else:
            assert value <= of_data


def test_samples_of_another_dimension_have_no_data_units(spec, cache):
    data = load(spec, stream(0, "data"), cache)
    with pytest.raises(ValueError, match=f"have {data.dim} coordinates on the last axis"):
        data.to_data_units(np.zeros((4, data.dim + 1)))


def test_only_specs_are_loaded(cache):
    with pytest.raises(TypeError, match="'mixture' is no spec of a data set"):
        load("mixture", stream(0, "data"), cache)


@pytest.mark.parametrize(
    ("family", "field", "value", "error", "message"),
    [
        (MixtureSpec, "num_modes", 0, ValueError, "num_modes is at least 1, not 0"),
        (MixtureSpec, "num_modes", 7.0, TypeError, "num_modes is an integer, not 7.0"),
        (MixtureSpec, "radius", -5.0, ValueError, "radius is a number > 0, not -5.0"),
        (MixtureSpec, "radial_sd", 0.0, ValueError, "radial_sd is a number > 0, not 0.0"),
        (MixtureSpec, "angular_sd", np.nan, ValueError, "angular_sd is a number > 0, not nan"),
        (MixtureSpec, "num_train", 1, ValueError, "num_train is at least 2, not 1"),
        (MixtureSpec, "num_train", True, TypeError, "num_train is an integer, not True"),
        (MoonsSpec, "noise", -0.1, ValueError, "noise is a number >= 0, not -0.1"),
        (MoonsSpec, "noise", np.inf, ValueError, "noise is a number >= 0, not inf"),
        (MoonsSpec, "num_train", 1, ValueError, "num_train is at least 2, not 1"),
        (CheckerboardSpec, "num_squares", 3, ValueError, "num_squares is even, not 3"),
        (CheckerboardSpec, "num_squares", 0, ValueError, "num_squares is at least 2, not 0"),
        (CheckerboardSpec, "half_width", 0.0, ValueError, "half_width is a number > 0, not 0.0"),
        (CheckerboardSpec, "num_held_out", 1, ValueError, "num_held_out is at least 2, not 1"),
        (BitsSpec, "num_bits", 0, ValueError, "num_bits is at least 1, not 0"),
        (BitsSpec, "num_held_out", 1, ValueError, "num_held_out is at least 2, not 1"),
        (PhotonCountsSpec, "num_photons", 17, ValueError, "num_photons=17 exceeds num_modes=16"),
        (PhotonCountsSpec, "num_photons", 0, ValueError, "num_photons is at least 1, not 0"),
        (PhotonCountsSpec, "num_held_out", "9", TypeError, "num_held_out is an integer, not '9'"),
        (PhotonCountsSpec, "interferometer", "harr", ValueError, "'haar' or 'time-bin:DELAYS'"),
        (GaussianBosonSpec, "num_squeezed", 17, ValueError, "exceeds num_modes=16"),
        (GaussianBosonSpec, "max_photons", 12, ValueError, "21,201,211 outcomes"),
        (GaussianBosonSpec, "mean_photons", 7.0, ValueError, "are 0.826 of the shots"),
        (GaussianBosonSpec, "mean_photons", 0.0, ValueError, "finite number above 0, not 0.0"),
        (GaussianBosonSpec, "interferometer", "harr", ValueError, "'haar' or 'time-bin:DELAYS'"),
        (ThermalSpec, "num_lit", 0, ValueError, "num_lit is at least 1, not 0"),
        (ThermalSpec, "interferometer", "harr", ValueError, "'haar' or 'time-bin:DELAYS'"),
        (IQPSpec, "num_qubits", 21, ValueError, "1 to 20 qubits, not 21"),
        (IsingSpec, "side", 11, ValueError, "from 2 to 10 spins, not 11"),
        (IsingSpec, "temperature", -1.0, ValueError, "above 0, in units of J/k_B: not -1.0"),
    ],
)
def test_bad_specs_are_refused_by_field(family, field, value, error, message):
    with pytest.raises(error, match=message):
        family(**{"num_train": 10, "num_held_out": 10} | {field: value})
