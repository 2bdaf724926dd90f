"""The self-check is right here, and says so where a kernel computes something else."""

import numpy as np
import pytest

from quantum_latents.execution import self_check as module
from quantum_latents.execution.self_check import CHECKS, self_check
from quantum_latents.samplers import sample_boson, sample_distinguishable


def test_all_is_right_here(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path))
    ended = list(self_check())
    assert [one.name for one in ended] == list(CHECKS)
    assert all(one.is_right for one in ended), ended
    assert "0 of 20000" in ended[0].said and "p = " in ended[1].said
    assert not list(tmp_path.iterdir())  # a user's cache is left alone


def distinguishable(device, occupation, num_samples, stream, path=None, num_threads=None):
    return sample_distinguishable(device, occupation, num_samples, stream)


def without_a_photon(device, occupation, num_samples, stream, path=None, num_threads=None):
    counts = sample_boson(device, occupation, num_samples, stream)
    counts[0] = 0
    return counts


def another_thread(device, occupation, num_samples, stream, path=None, num_threads=None):
    return sample_boson(device, occupation, num_samples, stream, start=num_threads or 0)


@pytest.mark.parametrize(
    ("sampler", "name", "said"),
    [
        (distinguishable, "Hong-Ou-Mandel interference", "left apart, not 0"),
        (distinguishable, "sampler: enumeration", "chi-square"),
        (distinguishable, "sampler: progressive, time bins", "chi-square"),
        (without_a_photon, "sampler: Clifford-Clifford", "another number of photons"),
        (another_thread, "threads", "other shots for one seed"),
    ],
)
def test_another_law_is_told(sampler, name, said, monkeypatch):
    monkeypatch.setattr(module, "sample_boson", sampler)
    monkeypatch.setattr(module, "CHECKS", {name: CHECKS[name]})
    (ended,) = self_check()
    assert not ended.is_right and said in ended.said


def test_a_check_that_cannot_be_made_is_told_and_the_others_go_on(monkeypatch):
    def breaks(*arguments, **settings):
        raise OSError("no compiler")

    monkeypatch.setattr(module, "sample_boson", breaks)
    some = {"threads": CHECKS["threads"], "banks": CHECKS["banks"]}
    monkeypatch.setattr(module, "CHECKS", some)
    threads, banks = self_check()
    assert not threads.is_right and threads.said == "OSError: no compiler"
    assert banks.is_right


def test_outcomes_that_cannot_be_are_told():
    law = np.array([[2, 0], [1, 1], [0, 2]]), np.array([0.5, 0.0, 0.5])
    counts = np.array([[2, 0]] * 50 + [[0, 2]] * 50, np.uint8)
    assert "p = 1.00" in module._fit(counts, law)
    counts[0] = 1
    with pytest.raises(module._Wrong, match="p = 0"):
        module._fit(counts, law)
