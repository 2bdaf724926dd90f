"""Published figures of QM9 under the project's own metrics.

`QLAT_QM9=qm9_smiles.csv.gz pytest -m slow -s tests/evaluation/test_qm9_figures.py` prints them;
six minutes on one core.
"""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from quantum_latents.evaluation.chemnet import activations
from quantum_latents.evaluation.molecule_sets import analyse
from quantum_latents.metrics import frechet_distance, moments
from quantum_latents.metrics.molecules import fcd_unique, fcd_valid
from quantum_latents.molecules import graphs_from_smiles
from quantum_latents.molecules.baseline import random_valence_graphs
from quantum_latents.molecules.decode import decode
from quantum_latents.random import stream

QM9 = os.environ.get("QLAT_QM9", "")
NUM_MOLECULES = 10_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not QM9, reason="QLAT_QM9 names no file of QM9's SMILES"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def qm9():
    import pandas

    graphs = graphs_from_smiles(pandas.read_csv(Path(QM9))["smiles"].tolist())
    _, distinct = np.unique(graphs.smiles, return_index=True)  # 86 stand there twice
    order = stream(0, "test", "qm9").generator().permutation(distinct)
    return graphs.layout, graphs.codes[order]


@pytest.fixture(scope="module")
def reference(qm9):
    layout, codes = qm9
    decoded = decode(layout, codes[:NUM_MOLECULES])
    return decoded, moments(activations(decoded.smiles))


def analysed(layout, codes):
    started = time.process_time()
    decoded = decode(layout, codes)
    seconds = time.process_time() - started
    found = analyse(layout, codes, decoded, with_chemnet=True)
    return decoded, found, (seconds, time.process_time() - started)


def test_two_disjoint_sets_of_qm9(qm9, reference):
    layout, codes = qm9
    decoded, found, seconds = analysed(layout, codes[NUM_MOLECULES : 2 * NUM_MOLECULES])
    assert not set(found.smiles) & set(reference[0].molecules)
    valid, unique = fcd_valid(found, reference[1]), fcd_unique(found, reference[1])
    print(
        f"\nQM9 against QM9: FCD {valid:.4f} (valid), {unique:.4f} (unique), strictly valid "
        f"{found.num_valid / found.num_draws:.4f}, loosely {decoded.is_loosely_valid.mean():.4f}, "
        f"unique {found.num_unique}; seconds of CPU: decoding {seconds[0]:.1f}, with descriptors "
        f"and activations {seconds[1]:.1f}"
    )
    assert valid == pytest.approx(0.075, abs=0.01)
    assert unique == pytest.approx(0.075, abs=0.01)
    assert found.num_valid / found.num_draws > 0.998


def test_random_graphs_that_respect_valences(qm9, reference):
    layout, codes = qm9
    generator = stream(0, "test", "random valence graphs").generator()
    random = random_valence_graphs(NUM_MOLECULES, layout, codes, generator)
    _, found, _ = analysed(layout, random)
    known = set(decode(layout, codes).molecules)
    novel = len(set(found.smiles) - known)
    valid, unique = fcd_valid(found, reference[1]), fcd_unique(found, reference[1])
    print(
        f"\nrandom graphs: FCD {valid:.3f} (valid), {unique:.3f} (unique), strictly valid "
        f"{found.num_valid / found.num_draws:.4f}, unique {found.num_unique}, novel {novel}"
    )
    assert valid == pytest.approx(4.9, abs=0.1)
    assert unique == pytest.approx(4.9, abs=0.1)
    assert found.num_valid / found.num_draws > 0.999
    assert found.num_unique > 9_800
    assert 8_700 < novel < 9_100


def test_both_conventions_agree_with_the_package_on_qm9(qm9, reference):
    fcd = pytest.importorskip("fcd")
    layout, codes = qm9
    few = 1_500
    decoded = decode(layout, codes[NUM_MOLECULES:][:few])
    ours = activations(decoded.smiles), activations(reference[0].smiles[:few])
    theirs = [
        fcd.get_predictions(fcd.load_ref_model(), list(smiles), n_jobs=0, device="cpu")
        for smiles in (decoded.smiles, reference[0].smiles[:few])
    ]
    times = stream(0, "times").generator().integers(1, 4, size=few)
    for multiplicities in (np.ones(few, int), times):
        packages = np.repeat(theirs[0], multiplicities, axis=0), theirs[1]
        expected = fcd.calculate_frechet_distance(
            *(f(rows.T) for rows in packages for f in (lambda x: x.mean(1), np.cov))
        )
        found = frechet_distance(moments(ours[0], multiplicities), moments(ours[1]))
        print(f"\nfcd {expected:.7f}, ours {found:.7f}")
        assert found == pytest.approx(expected, abs=1e-5)
