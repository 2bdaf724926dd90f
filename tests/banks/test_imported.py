"""Banks of a user's own counts: kept with where they come from, and checked."""

import numpy as np
import pytest

from quantum_latents.banks import BankError, BankRecipe, build_bank, import_bank, open_bank
from quantum_latents.banks import folder as files
from quantum_latents.circuits import haar
from quantum_latents.random import stream


def test_an_imported_bank_keeps_counts_and_provenance(tmp_path):
    counts = np.arange(256 * 600).reshape(-1, 2) % 256
    bank = import_bank(counts, tmp_path / "mine", {"device": "bench", "jobs": [1, 2]})
    assert np.array_equal(open_bank(tmp_path / "mine").counts, counts)
    assert bank.manifest["provenance"] == {"device": "bench", "jobs": [1, 2]}
    assert bank.recipe is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    with pytest.raises(BankError, match="not empty"):
        import_bank(counts, tmp_path / "mine", {})
    device = haar(2, stream(0, "interferometer"))
    recipe = BankRecipe(
        interferometer=device.recipe,
        occupation=(1, 1),
        statistics="boson",
        num_samples=100,
        stream=stream(0, "latent"),
    )
    with pytest.raises(BankError, match="imported"):
        build_bank(recipe, tmp_path / "mine")


@pytest.mark.parametrize("harm", ["flipped bit", "removed"])
def test_a_damaged_imported_bank_is_named_and_refused(tmp_path, harm):
    import_bank(np.ones((70_000, 2), int), tmp_path / "mine", {})
    counts = tmp_path / "mine" / files.COUNTS
    if harm == "removed":
        counts.unlink()
    else:
        data = bytearray(counts.read_bytes())
        data[139_000] ^= 1
        counts.write_bytes(data)
    chunk = "chunk 0" if harm == "removed" else r"chunk 1 \(shots 65536 to 70000\)"
    with pytest.raises(BankError, match=f"mine.*{chunk}"):
        open_bank(tmp_path / "mine")


@pytest.mark.parametrize(
    ("counts", "error", "message"),
    [
        (np.array([[256, 0]]), ValueError, "256"),
        (np.array([[-1, 0]]), ValueError, "-1"),
        (np.array([[0.5, 0]]), ValueError, "whole"),
        (np.array([[np.nan, 0]]), ValueError, "NaN"),
        (np.array([1, 2]), ValueError, r"\(2,\)"),
        (np.zeros((0, 3)), ValueError, "at least one"),
        (np.array([["1", "2"]]), TypeError, "whole numbers"),
    ],
)
def test_bad_counts_are_not_imported(tmp_path, counts, error, message):
    with pytest.raises(error, match=message):
        import_bank(counts, tmp_path / "bank", {})
    assert not list(tmp_path.iterdir())


def test_bad_provenance_is_not_imported(tmp_path):
    for provenance in ("a lab", {"when": object()}):
        with pytest.raises(TypeError, match="provenance"):
            import_bank(np.eye(2), tmp_path / "bank", provenance)
    assert not list(tmp_path.iterdir())
