"""Data sets of molecules import no metrics, and name the ones that there are."""

from quantum_latents.data import molecules
from quantum_latents.metrics import METRICS, MOLECULE_METRICS


def test_data_sets_name_the_metrics_of_molecules():
    assert molecules._METRICS == MOLECULE_METRICS
    assert all(METRICS[name].domain == "molecules" for name in MOLECULE_METRICS)
