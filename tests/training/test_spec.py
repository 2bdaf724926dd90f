"""A run's specification: there and back as JSON, and its name."""

import copy
import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import pytest

from quantum_latents.data import (
    ArraySpec,
    BitsSpec,
    MixtureSpec,
    MoleculesSpec,
    PhotonCountsSpec,
    PushforwardSpec,
)
from quantum_latents.latents import BernoulliSpec, GaussianSpec, LearnedPriorSpec, PhotonicSpec
from quantum_latents.models import GANSpec, GraphGANSpec, MLPSpec, MolGANSpec, RelationalCriticSpec
from quantum_latents.training import (
    EvaluationSpec,
    OptimiserSpec,
    RunSpec,
    WGANSpec,
    check_stackable,
)

LATENT = {"dim": 16, "scaling": "centred", "bank_size": 1000, "num_held_out": 100}
PHOTONIC = PhotonicSpec(
    name="quantum", num_photons=8, interferometer="haar", sharing="shared", **LATENT
)
NETWORK = MLPSpec(hidden=(8, 8), activation="relu", negative_slope=0.0, initialisation="pytorch")
RUN = RunSpec(
    data=BitsSpec(num_bits=16, num_train=1000, num_held_out=100),
    latent=PHOTONIC,
    model=GANSpec(generator=NETWORK, critic=NETWORK),
    training=WGANSpec(
        num_steps=10,
        batch_size=4,
        critic_steps=5,
        gradient_penalty=10.0,
        optimiser=OptimiserSpec(name="rmsprop", learning_rate=5e-4, alpha=0.99),
    ),
    evaluation=EvaluationSpec(num_samples=100),
    seed=0,
)
DATA = [
    RUN.data,
    MixtureSpec(num_train=1000, num_held_out=100),
    PhotonCountsSpec(num_train=1000, num_held_out=100, interferometer="time-bin:1,3"),
    ArraySpec(path="mine.npy", sha256="0" * 64, held_out_fraction=0.5),
    PushforwardSpec(
        num_modes=4,
        num_photons=2,
        hidden=(6,),
        dim=8,
        negative_slope=0.2,
        gain=1.5,
        num_train=1000,
        num_held_out=100,
    ),
]
LATENTS = [
    PHOTONIC,
    replace(PHOTONIC, name="distinguishable", sharing="independent"),
    BernoulliSpec(**LATENT),
    GaussianSpec(**{**LATENT, "bank_size": None}),
]


@pytest.mark.parametrize("data", DATA, ids=lambda spec: spec.name)
@pytest.mark.parametrize("latent", LATENTS, ids=lambda spec: spec.name)
def test_there_and_back(data, latent):
    run = replace(RUN, data=data, latent=latent)
    content = json.loads(json.dumps(run.to_json()))
    again = RunSpec.from_json(content)
    assert again == run
    assert again.digest == run.digest
    assert (content["data"]["name"], content["latent"]["name"]) == (data.name, latent.name)


def test_the_name_of_a_run_does_not_change():
    # Rows on people's disks are found by this name: a change here orphans them.
    assert RUN.digest == "f1dfdd45a68ae1a9"


def _changes(value, path=()):
    """Every way to change one leaf of the spec, as (path, changed spec)."""
    for field in dataclasses.fields(value):
        old, where = getattr(value, field.name), (*path, field.name)
        if dataclasses.is_dataclass(old):
            for name, changed in _changes(old, where):
                yield name, changed and replace(value, **{field.name: changed})
        elif (new := CHANGED.get(".".join(where), CHANGED.get(field.name))) is not None:
            try:
                yield ".".join(where), replace(value, **{field.name: new})
            except ValueError:
                yield ".".join(where), None


CHANGED = {
    "num_bits": 15, "num_train": 999, "num_held_out": 101,
    "latent.name": "distinguishable", "dim": 17, "scaling": "raw", "bank_size": 999,
    "num_photons": 7, "interferometer": "time-bin:1", "sharing": "independent",
    "hidden": (8, 9), "initialisation": "orthogonal", "num_steps": 11, "batch_size": 5,
    "critic_steps": 4, "gradient_penalty": 9.0, "learning_rate": 4e-4, "alpha": 0.9,
    "epsilon": 1e-7, "precision": "float64", "divergence_threshold": 1e7, "averaging": 0.9,
    "decay": 0.5, "milestones": (0.5,), "split": "validation",
    "model.generator.reinject_latent": True,
    "num_samples": 99, "seed": 1, "restart": 1, "model.generator.spectral_bound": 1.5,
}  # fmt: skip
FIXED_BY_ANOTHER = {
    # activation and slope go together, as do an initialisation and its gain, and the optimiser
    # and its decays; layers that can be inverted need another activation; a scale and shift of
    # the input go with the learned prior; critics have none of the generator's flags nor its
    # bound; and only data that a known generator made give a start.
    *(f"model.{n}.{f}" for n in ("generator", "critic") for f in ("activation", "negative_slope")),
    "model.generator.gain",
    "model.critic.gain",
    "model.critic.reinject_latent",
    "model.generator.non_decreasing",
    "model.critic.non_decreasing",
    "model.generator.trainable_input_affine",
    "model.critic.trainable_input_affine",
    "model.critic.spectral_bound",
    "start",
    "training.optimiser.name",
    "training.optimiser.betas",
}


def test_every_field_changes_the_name():
    changed = dict(_changes(RUN))
    leaves = {name for name, _ in _leaves(RUN)}
    assert leaves - set(changed) == FIXED_BY_ANOTHER
    digests = {RUN.digest} | {run.digest for run in changed.values() if run is not None}
    assert None not in changed.values()
    assert len(digests) == len(changed) + 1


def _leaves(value, path=()):
    for field in dataclasses.fields(value):
        item, where = getattr(value, field.name), (*path, field.name)
        if dataclasses.is_dataclass(item):
            yield from _leaves(item, where)
        else:
            yield ".".join(where), item


def test_fields_that_go_together_change_the_name_too():
    leaky = replace(NETWORK, activation="leaky_relu", negative_slope=0.01)
    steeper = replace(leaky, negative_slope=0.2)
    widening = replace(leaky, non_decreasing=True)
    scaled, learned = replace(NETWORK, trainable_input_affine=True), LearnedPriorSpec(**LATENT)
    adam = OptimiserSpec(name="adam", learning_rate=5e-4, betas=(0.0, 0.9))
    others = [
        replace(RUN, model=GANSpec(generator=leaky, critic=NETWORK)),
        replace(RUN, model=GANSpec(generator=NETWORK, critic=leaky)),
        replace(RUN, model=GANSpec(generator=steeper, critic=NETWORK)),
        replace(RUN, model=GANSpec(generator=widening, critic=NETWORK)),
        replace(RUN, model=GANSpec(generator=scaled, critic=NETWORK), latent=learned),
        replace(RUN, training=replace(RUN.training, optimiser=adam)),
        replace(RUN, training=replace(RUN.training, optimiser=replace(adam, betas=(0.0, 0.8)))),
        *(replace(RUN, data=data) for data in DATA[1:]),
        *(replace(RUN, latent=latent) for latent in LATENTS[1:]),
    ]
    assert len({run.digest for run in [RUN, *others]}) == len(others) + 1


def test_a_gain_is_in_the_name_where_it_is_not_one():
    orthogonal = replace(NETWORK, initialisation="orthogonal")
    louder = replace(orthogonal, gain=1.5)
    runs = [
        replace(RUN, model=GANSpec(generator=network, critic=NETWORK))
        for network in (orthogonal, louder)
    ]
    assert runs[0].digest != runs[1].digest
    assert "gain" not in runs[0].to_json()["model"]["generator"]
    assert runs[1].to_json()["model"]["generator"]["gain"] == 1.5
    for run in runs:
        assert RunSpec.from_json(run.to_json()) == run


def test_committed_rows_keep_their_names():
    results = Path(__file__).resolve().parents[2] / "results"
    rows = [json.loads(line) for file in results.glob("*/rows.jsonl") for line in file.open()]
    assert len(rows) >= 32
    for row in rows:
        assert RunSpec.from_json(row["spec"]).digest == row["run"]


def test_molecular_runs_are_read_back():
    data = MoleculesSpec(name="mine", sha256="a" * 64, num_atoms=5, elements=("C", "O"))
    network = replace(NETWORK, activation="leaky_relu", negative_slope=0.01)
    model = MolGANSpec(
        generator=network,
        critic=RelationalCriticSpec(dense=(8,)),
        num_atoms=5,
        num_node_classes=3,
    )
    run = replace(RUN, data=data, model=model)
    content = run.to_json()
    assert (content["data"]["kind"], content["model"]["kind"]) == ("molecules", "mol_gan")
    assert RunSpec.from_json(json.loads(json.dumps(content))) == run
    del content["data"]["kind"]
    with pytest.raises(ValueError, match=r"spec.data.kind is one of .*'molecules'"):
        RunSpec.from_json(content)


def test_graph_gans_on_molecules_in_another_order_are_read_back_and_are_other_runs():
    data = MoleculesSpec(name="mine", sha256="a" * 64, num_atoms=5, elements=("C", "O"))
    shape = {"generator": NETWORK, "critic": NETWORK, "num_atoms": 5, "num_node_classes": 3}
    run = replace(RUN, data=data, model=GraphGANSpec(**shape))
    assert run.to_json()["model"]["kind"] == "graph_gan"
    assert "order" not in run.to_json()["data"]
    other = replace(run, data=replace(data, order="rings_first"))
    assert other.digest != run.digest
    assert RunSpec.from_json(json.loads(json.dumps(other.to_json()))) == other
    with pytest.raises(ValueError, match="a critic sees no latent"):
        GraphGANSpec(**shape | {"critic": replace(NETWORK, reinject_latent=True)})
    with pytest.raises(ValueError, match="order is 'canonical' or 'rings_first', not 'random'"):
        replace(data, order="random")


def test_a_whole_number_is_the_float_it_stands_for():
    # Worker processes read the spec from JSON: both must call the run by one name.
    typed = replace(RUN, training=replace(RUN.training, gradient_penalty=10))
    assert typed == RUN
    assert typed.digest == RUN.digest == RunSpec.from_json(typed.to_json()).digest


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("surprise", 1, r"spec has unknown fields \['surprise'\]"),
        ("training.optimiser.momentum", 0.9, r"spec.training.optimiser has unknown .*momentum"),
        ("model.generator.dropout", 0.1, r"spec.model.generator has unknown fields \['dropout'\]"),
        ("latent.num_photon", 8, r"spec.latent has unknown fields \['num_photon'\]"),
        ("training.num_steps", "10", r"spec.training.num_steps is of type int, not '10'"),
        ("training.num_steps", 10.0, r"spec.training.num_steps is of type int, not 10.0"),
        ("training.num_steps", True, r"spec.training.num_steps is of type int, not True"),
        ("training.gradient_penalty", True, r"spec.training.gradient_penalty is of type float"),
        ("training.gradient_penalty", None, r"spec.training.gradient_penalty is of type float"),
        ("training.optimiser", "adam", r"spec.training.optimiser is an object, not 'adam'"),
        ("training.precision", "half", r"spec.training.precision is one of .*'half'"),
        ("model.generator.hidden", 8, r"spec.model.generator.hidden is a list, not 8"),
        ("model.generator.hidden", [8, "8"], r"spec.model.generator.hidden\[1\] is of type int"),
        ("model.generator.reinject_latent", 0, r"spec.model.generator.reinject_latent is of type"),
        ("latent.scaling", 3, r"spec.latent.scaling is one of .*, not 3"),
        ("latent.bank_size", "all", r"spec.latent.bank_size is of type int, not 'all'"),
        ("latent.kind", "thermal", r"spec.latent.kind is one of .*, not 'thermal'"),
        ("latent.name", "gaussian", r"spec.latent.name is one of .*, not 'gaussian'"),
        ("data.kind", None, r"spec.data.kind is one of .*, not None"),
        ("data.name", "quantum", r"spec.data.name is 'bernoulli' here, not 'quantum'"),
        ("data", None, r"spec.data.kind is one of"),
        ("training.optimiser.kind", "scheduler", r"spec.training.optimiser.kind is 'optimiser'"),
        ("seed", "0", r"spec.seed is of type int, not '0'"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(path, value, said):
    content = copy.deepcopy(RUN.to_json())
    *parents, last = path.split(".")
    inner = content
    for name in parents:
        inner = inner[name]
    inner[last] = value
    with pytest.raises(ValueError, match=said):
        RunSpec.from_json(content)


OMITTED = {
    "gain",
    "spectral_bound",
    "averaging",
    "decay",
    "milestones",
    "restart",
    "start",
    "trainable_input_affine",
    "split",
}
"""Left out of a run's name at their defaults."""


def test_what_is_missing_is_named_with_its_path():
    for name, _ in _leaves(RUN):
        if name.split(".")[-1] in OMITTED:
            continue
        content = copy.deepcopy(RUN.to_json())
        *parents, last = name.split(".")
        inner = content
        for parent in parents:
            inner = inner[parent]
        del inner[last]
        where = ".".join(["spec", *parents])
        with pytest.raises(ValueError, match=rf"{where} lacks \['{last}'\]"):
            RunSpec.from_json(content)


@pytest.mark.parametrize("seed", [-1, 1.0, True, "0", None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match="a seed is an integer >= 0"):
        replace(RUN, seed=seed)


def test_evaluation_needs_as_many_held_out_latents():
    with pytest.raises(ValueError, match=r"num_samples=101 needs .* not latent.num_held_out=100"):
        replace(RUN, evaluation=EvaluationSpec(num_samples=101))
    with pytest.raises(ValueError, match="at least 2, not 1"):
        EvaluationSpec(num_samples=1)


def test_only_alike_runs_share_a_stack():
    check_stackable([replace(RUN, latent=latent) for latent in LATENTS])
    check_stackable([RUN, replace(RUN, seed=5), replace(RUN, data=DATA[2])])
    for other in (
        replace(RUN, training=replace(RUN.training, batch_size=5)),
        replace(RUN, evaluation=EvaluationSpec(num_samples=50)),
        replace(RUN, latent=replace(PHOTONIC, dim=17)),
    ):
        with pytest.raises(ValueError, match="share model, training, evaluation and latent width"):
            check_stackable([RUN, other])
