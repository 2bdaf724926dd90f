"""One wrong input of each kind that no test of its room makes: what is wrong, in one line.

Where a room's own tests refuse something, it is refused there; here are the rest, so that no
`raise` for a caller's mistake goes without having been raised.
"""

import json
import shutil
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from quantum_latents.banks import BankRecipe
from quantum_latents.banks.bits import bits_of
from quantum_latents.bench.contenders import System
from quantum_latents.bench.summary import read_measurement
from quantum_latents.bench.trainers import task_of
from quantum_latents.circuits import haar, time_bin
from quantum_latents.circuits.loss import dilation
from quantum_latents.circuits.time_bin import lossy_time_bin
from quantum_latents.cli import main
from quantum_latents.data import MoonsSpec
from quantum_latents.data.width import width_of
from quantum_latents.evaluation import read_samples
from quantum_latents.execution import compare_training
from quantum_latents.latents.autoregressive import check_autoregressive
from quantum_latents.latents.other_light import OtherLightSource
from quantum_latents.models import MolGANSpec
from quantum_latents.models.flow import SolverSpec
from quantum_latents.models.weights import check_initialisation
from quantum_latents.processors import (
    OrcaProcessor,
    ProcessorError,
    SimulatedProcessor,
)
from quantum_latents.processors.ledger import JOBS, JobLedger
from quantum_latents.processors.names import open_processor
from quantum_latents.processors.order import Order
from quantum_latents.processors.quandela import open_quandela
from quantum_latents.random import stream
from quantum_latents.recipes import autoencoder, moons, table1
from quantum_latents.results import RowStore, read_certificates, read_study, standing
from quantum_latents.results.certificates import CERTIFICATES
from quantum_latents.results.row_details import check_details
from quantum_latents.samplers import Noise
from quantum_latents.samplers.validation.laws import tallied_chi_square
from quantum_latents.training import OptimiserSpec, load_generator
from quantum_latents.training.generator import OFFSET, SCALE
from quantum_latents.training.own_training import OwnTrainingSpec

RESULTS = Path(__file__).parents[2] / "results" / "challengers-quick"
RUN = table1("smoke").runs[0]
DEVICE = haar(3, stream(0, "interferometer"))
ROW = {
    "schema": 1, "run": "a1", "study": "demo", "status": "finished",
    "spec": {"data": {"name": "bits"}, "latent": {"name": "gaussian"}, "seed": 0},
    "metrics": {"mmd": {"value": 0.5, "direction": "lower"}},
}  # fmt: skip
BITS = types.SimpleNamespace(array=np.zeros((2, 1), np.uint8), num_bits=2)

TIME_BIN = time_bin(3, (1,), stream=stream(0, "loop")).recipe


def from_json(cls, **fields):
    return lambda: cls.from_json(fields)


def of_row(**fields):
    return lambda: check_details(fields, "row 1")


REFUSED = {
    # What is recorded, and banks.
    "a register of a register": (lambda: bits_of(BITS, "meas"), ValueError, "leave register="),
    "a register of nothing": (
        lambda: bits_of(types.SimpleNamespace(array=BITS.array, num_bits=0)), ValueError, "no bits",
    ),
    "a recipe that is a list": (lambda: BankRecipe.from_json([1]), TypeError, r"a dict, not \[1\]"),
    # Measurements.
    "a system of no kind": (
        lambda: System("square", 4, 2).build(), ValueError, "'haar' or 'time-bin', not 'square'",
    ),
    "a network of no name": (lambda: task_of("resnet", None), ValueError, "not 'resnet'"),
    # Circuits.
    "a transfer matrix of no square": (
        lambda: dilation(np.ones((2, 3))), ValueError, r"not of shape \(2, 3\)",
    ),
    "a transfer matrix that amplifies": (
        lambda: dilation(2 * np.eye(2)), ValueError, "amplifies nothing; a singular value is 2",
    ),
    "loops drawn from a seed": (
        lambda: time_bin(3, (1,), stream=7), TypeError, "draws from a Stream, not 7",
    ),
    "a loop that gains": (
        lambda: lossy_time_bin(TIME_BIN, [1.5]), ValueError, "between 0 and 1, not 1.5",
    ),
    "an interferometer cut short": (
        lambda: delattr(DEVICE, "unitary"), AttributeError, "unitary cannot be deleted",
    ),
    # Data.
    "no width": (lambda: width_of(object()), TypeError, "no spec of a data set of vectors"),
    # Latents.
    "no photon to learn": (lambda: check_autoregressive(4, 0), ValueError, "at least 1 photon"),
    "light of no kind": (
        lambda: OtherLightSource("laser", DEVICE, (1, 1, 0)), ValueError, "not 'laser'",
    ),
    # Models and their training.
    "half an evaluation": (
        lambda: SolverSpec(name="euler", num_evaluations=2.5), TypeError, "an integer, not 2.5",
    ),
    "no gain": (lambda: check_initialisation("orthogonal", 0.0), ValueError, "> 0, not 0.0"),
    "molecules of an atom": (
        lambda: MolGANSpec(
            generator=RUN.model.generator, num_atoms=1, num_node_classes=5, critic=None
        ),
        ValueError,
        "num_atoms is an integer of at least 2, not 1",
    ),
    "betas of a list": (
        lambda: OptimiserSpec(name="adam", learning_rate=1e-3, betas=[0.0, 0.9]),
        TypeError,
        "betas is a tuple",
    ),
    "a mean of everything": (
        lambda: replace(RUN.training, averaging=1.0), ValueError, r"in \[0, 1\), not 1.0",
    ),
    "a target of nobody's": (
        lambda: replace(RUN, data=MoonsSpec(num_train=30, num_held_out=10), start="target"),
        ValueError,
        "needs data that a known generator made, not 'moons'",
    ),
    "a training without a name": (
        lambda: OwnTrainingSpec(name=" ", version="1"), ValueError, "name of a training is text",
    ),
    # Processors.
    "a machine without a name": (
        lambda: OrcaProcessor("http://127.0.0.1:1", machine="\n"), ValueError, "such as PT-1",
    ),
    "a simulation somewhere": (
        lambda: open_processor("simulate", url="http://127.0.0.1:1"), ValueError, "no --url",
    ),
    "a simulation that selects": (
        lambda: SimulatedProcessor(Noise(at_least=1)), ValueError, "leave at_least and exactly out",
    ),
    "a platform without a name": (
        lambda: open_quandela(" ", token="x"), ValueError, "a name such as 'sim:altair', not ' '",
    ),
    "an order of other fields": (
        lambda: Order.from_json({"shots": 1}), ValueError, r"not \['shots'\]",
    ),
    # Noise and tests of laws.
    "overlaps of nothing": (
        lambda: Noise(gram=[[1, np.nan], [np.nan, 1]]), ValueError, "NaN or infinite entries",
    ),
    "overlaps of no pairs": (
        from_json(Noise, **(Noise().to_json() | {"gram": [[1, 2], [3, 4]]})),
        TypeError,
        r"rows of pairs \[re, im\]",
    ),
    "cells that expect nothing": (
        lambda: tallied_chi_square(np.array([1, 1]), np.array([0.5, 0.5]), min_expected=0),
        ValueError,
        "min_expected is above 0, not 0",
    ),
    # What a row may hold.
    "curves of a list": (of_row(curves=[1]), ValueError, r"curves is an object, not \[1\]"),
    "a note of a number": (of_row(notes=[3]), ValueError, "notes is a list of texts"),
    "half a step": (
        of_row(budget={"step": [0.5], "metrics": {}}), ValueError, "a list of whole numbers",
    ),
    "a budget of nothing": (
        of_row(budget={"step": [1], "metrics": 2}), ValueError, "budget.metrics is an object",
    ),
    "a budget cut short": (
        of_row(budget={"step": [1, 2], "metrics": {"mmd": [0.1]}}), ValueError, "is 2 numbers",
    ),
    "a preview of no kind": (of_row(preview={"data": []}), ValueError, "an object of a kind"),
    "a sampling of no solver": (
        of_row(sampling={"function_evaluations": 3}), ValueError, "a solver and its function_",
    ),
    "a point of text": (
        of_row(preview={"kind": "scatter", "data": [[0.5, "x"]], "generated": []}),
        ValueError,
        "preview.data is a list of lists of numbers",
    ),
    "a truth for a number": (
        of_row(curves={"loss": [0.5, True]}), ValueError, "curves.loss is a list of numbers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_wrong_value_is_named_in_one_line(what):
    call, error, message = REFUSED[what]
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"metrics": [1]}, ValueError, "metrics that are not an object"),
        ({"notes": [{1: "x"}]}, TypeError, "has the name 1: names in JSON are text"),
    ],
)
def test_a_row_that_no_file_could_hold_is_not_written(change, error, message, tmp_path):
    with pytest.raises(error, match=message):
        RowStore(tmp_path).append(ROW | change)
    assert not (tmp_path / "rows.jsonl").exists()


COMMANDS = {
    "run table1 --device cuda": "torch sees no GPU; use --device cpu",
    "run table1 --rows-from NOWHERE": "--rows-from NOWHERE: there are no rows.jsonl",
    "run bank-sizes --bank fresh": "always among the sizes: name rows",
    "share DIR RUN --out NEW --public": "--public belongs to --to-hub",
    "import hub:us/bank --out NEW --reverse": "says itself what it is: leave --reverse out",
    "evaluate DIR": "no rows in",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_cannot_be_is_one_line_and_writes_nothing(
    command, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QLAT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    study = tmp_path / "DIR"
    study.mkdir()
    (study / "study.json").write_text((RESULTS / "study.json").read_text())
    assert main(command.split()) == 2
    told = capsys.readouterr()
    assert COMMANDS[command] in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left <= {"study.json", ".lock"}


def test_a_file_in_the_place_of_a_study_is_kept(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(ValueError, match="is a file: a study needs a directory"):
        compare_training(lambda *_: None, np.zeros((9, 2)), tmp_path / "mine", seeds=1)
    assert (tmp_path / "mine").read_text() == "mine"


def test_samples_without_samples_are_said(tmp_path):
    folder = tmp_path / "runs" / RUN.digest
    folder.mkdir(parents=True)
    save_file({"other": np.zeros(3)}, folder / "samples.safetensors")
    with pytest.raises(ValueError, match="holds no tensor 'samples'"):
        read_samples(tmp_path, RUN.digest)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (None, "nothing was drawn from a processor"),
        ({"event": "intent", "entry": 3, "at": ""}, "ValueError in .*'entry': 3"),
        ({"event": "order", "order": "ORDER", "processor": 5, "address": None}, "is damaged"),
    ],
)
def test_a_ledger_of_another_form_is_refused(line, message, tmp_path):
    if line is not None:
        order = Order(interferometer=DEVICE, occupation=(1, 1, 0), num_samples=2)
        line = {name: order.to_json() if v == "ORDER" else v for name, v in line.items()}
        (tmp_path / JOBS).write_text(json.dumps(line) + "\n")
    with pytest.raises(ProcessorError, match=message):
        JobLedger.read(tmp_path)


def test_a_measurement_of_another_kind_is_refused(tmp_path):
    (tmp_path / "rows.json").write_text("[]")
    with pytest.raises(ValueError, match="is not the output of qlat bench training"):
        read_measurement(tmp_path / "rows.json", "training")


def a_run_of(folder, run, **weights):
    """Write what a run leaves of its generator, with these weights alone."""
    tensors = {name: np.array(value) for name, value in weights.items()}
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "generator.safetensors", {"spec": json.dumps(run.to_json())})
    return folder


def test_a_generator_without_its_way_to_data_is_damaged(tmp_path):
    flow = moons("smoke").runs[0]
    with pytest.raises(ValueError, match="its map to data units is missing"):
        load_generator(a_run_of(tmp_path, flow, weight1=[1.0]))
    pytest.importorskip("sklearn", reason="the digits ship with scikit-learn")
    encoded = autoencoder("smoke").runs[0]
    k = encoded.data.dim
    to_codes = {"weight1": [1.0], OFFSET: np.zeros(k), SCALE: np.ones(k)}
    with pytest.raises(ValueError, match="the decoder of its codes is missing"):
        load_generator(a_run_of(tmp_path, encoded, **to_codes))


def test_a_description_of_another_form_is_refused(tmp_path):
    described = json.loads((RESULTS / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps(described | {"groups": {"a1": "x"}}))
    with pytest.raises(ValueError, match="'groups' maps runs to lists of texts"):
        read_study(tmp_path)
    shutil.copy(RESULTS / "frozen.json", tmp_path)
    (tmp_path / "study.json").write_text("[]")
    with pytest.raises(ValueError, match=r"study.json is damaged .*it is no object"):
        standing(tmp_path, [])


def test_a_run_has_one_certificate(tmp_path):
    content = json.loads((RESULTS.parent / "certificates-table1" / CERTIFICATES).read_text())
    content["certificates"] *= 2
    (tmp_path / CERTIFICATES).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="a run has two certificates"):
        read_certificates(tmp_path)
