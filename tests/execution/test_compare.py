"""One's own array: mistakes leave nothing behind, and nothing is written over."""

import numpy as np
import pytest

from quantum_latents.execution import compare_latents
from quantum_latents.random import stream

ARRAY = stream(0, "test").generator().normal(size=(100, 2))


def refused(data, directory, said, **settings):
    with pytest.raises(ValueError, match=said):
        compare_latents(data, directory, preset="smoke", **settings)


def test_a_bad_array_does_not_stand_in_the_way_of_its_repair(tmp_path):
    holes = ARRAY.copy()
    holes[0, 0] = np.nan
    refused(holes, tmp_path, "NaN")
    refused(ARRAY.astype(object), tmp_path, "Object arrays")
    assert list(tmp_path.iterdir()) == []
    # Past the array, to the next mistake.
    refused(ARRAY, tmp_path, "'thermic'", latents=("thermic",))
    assert list(tmp_path.iterdir()) == []


def test_another_array_in_the_directory_is_kept(tmp_path):
    np.save(tmp_path / "data.npy", ARRAY)
    before = (tmp_path / "data.npy").read_bytes()
    refused(ARRAY + 1, tmp_path, "a study of another array: choose another one")
    refused(ARRAY, tmp_path, "at least one run", num_seeds=0)
    assert (tmp_path / "data.npy").read_bytes() == before


def test_a_missing_file_is_named(tmp_path):
    refused(tmp_path / "none.csv", tmp_path / "study", "none.csv")
    assert not (tmp_path / "study").exists()
