"""One suite over every latent and every data set: what all code after them relies on."""

import json
import typing
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from quantum_latents.banks import import_bank
from quantum_latents.data import (
    ArraySpec,
    AutoencoderSpec,
    BitsSpec,
    CheckerboardSpec,
    Cifar10Spec,
    DataSpec,
    DigitsSpec,
    EncodedSpec,
    GaussianBosonSpec,
    IQPSpec,
    IsingSpec,
    MixtureSpec,
    MoleculesSpec,
    MoonsSpec,
    PhotonCountsSpec,
    PushforwardSpec,
    ThermalSpec,
    array_spec,
    load,
)
from quantum_latents.data.width import width_of
from quantum_latents.evaluation import evaluate
from quantum_latents.latents import (
    PRIORS,
    RIVALS,
    AutoregressiveFitSpec,
    BankSpec,
    BernoulliSpec,
    CommutingSpec,
    GaussianSpec,
    IsingSpinsSpec,
    LatentSpec,
    LearnedPriorSpec,
    LearnedSpec,
    NoisyPhotonicSpec,
    PhotonicSpec,
    PriorSpec,
    RivalSpec,
    SqueezedSpec,
    bank_spec,
    latent_kinds,
    latent_names,
    named_latent,
)
from quantum_latents.metrics import METRICS
from quantum_latents.models import (
    DDGANSpec,
    Diffusion,
    FlowSpec,
    GANSpec,
    MLPSpec,
    SolverSpec,
    TimeCriticSpec,
    UNetSpec,
    VelocitySpec,
)
from quantum_latents.random import stream
from quantum_latents.training import (
    DenoisingSpec,
    EvaluationSpec,
    FlowMatchingSpec,
    OptimiserSpec,
    RunSpec,
    WGANSpec,
    latent_of_run,
    train_stack,
)

NUM_HELD_OUT = 40
_SHARED = {"dim": 4, "scaling": "centred", "bank_size": 200, "num_held_out": NUM_HELD_OUT}
_PHOTONIC = PhotonicSpec(
    name="quantum", num_photons=2, interferometer="haar", sharing="shared", **_SHARED
)
# Three photons: two in four modes are not over-dispersed enough for every rival to exist.
_RIVAL = RivalSpec(
    name="shuffled", num_photons=3, interferometer="haar", sharing="shared", **_SHARED
)
_PRIOR = PriorSpec(name="uniform", parameter=None, **_SHARED)
_PARAMETERS = {
    "student_t": 5.0,
    "gaussian_mixture": 6.0,
    "rounded_gaussian": 1.0,
    "poisson": 0.5,
}
LATENTS: dict[str, LatentSpec | None] = {
    "quantum": _PHOTONIC,
    "quantum, time-bin": replace(_PHOTONIC, interferometer="time-bin:1,1"),
    "quantum, fresh": replace(_PHOTONIC, bank_size=None),
    "distinguishable": replace(_PHOTONIC, name="distinguishable", sharing="independent"),
    "interference:0.5": NoisyPhotonicSpec(
        name="interference:0.5",
        num_photons=2,
        interferometer="haar",
        sharing="shared",
        interference=0.5,
        **_SHARED,
    ),
    "bernoulli": BernoulliSpec(**_SHARED),
    "gaussian": GaussianSpec(**_SHARED),
    **{name: replace(_RIVAL, name=name) for name in RIVALS},
    **{name: replace(_PRIOR, name=name, parameter=_PARAMETERS.get(name)) for name in PRIORS},
    "gbs": SqueezedSpec(num_photons=2, interferometer="haar", sharing="shared", **_SHARED),
    "iqp": CommutingSpec(**_SHARED),
    "ising": IsingSpinsSpec(**_SHARED),
    "learned": LearnedSpec(
        num_photons=2,
        interferometer="haar",
        sharing="shared",
        fit=AutoregressiveFitSpec(
            hidden=4, num_shots=500, num_steps=20, batch_size=32, learning_rate=0.02
        ),
        **_SHARED,
    ),
    "learned_prior": LearnedPriorSpec(**_SHARED),
    "bank": None,  # made from a folder, below
}
# A latent of one file, or of another package, is here by its name alone.
LATENTS |= {name: named_latent(name, **_SHARED) for name in latent_names() if name not in LATENTS}
DATA_SETS: dict[str, DataSpec | None] = {
    "mixture": MixtureSpec(num_train=200, num_held_out=NUM_HELD_OUT),
    "quantum": PhotonCountsSpec(
        num_modes=4, num_photons=2, num_train=200, num_held_out=NUM_HELD_OUT
    ),
    "pushforward": PushforwardSpec(
        num_modes=4,
        num_photons=2,
        hidden=(5,),
        dim=6,
        negative_slope=0.2,
        gain=1.5,
        num_train=200,
        num_held_out=NUM_HELD_OUT,
    ),
    "moons": MoonsSpec(num_train=200, num_held_out=NUM_HELD_OUT),
    "checkerboard": CheckerboardSpec(num_train=200, num_held_out=NUM_HELD_OUT),
    "binary_digits": DigitsSpec(threshold=8, num_held_out=NUM_HELD_OUT),
    "grey_digits": DigitsSpec(threshold=None, num_held_out=NUM_HELD_OUT),
    "encoded_grey_digits": EncodedSpec(
        data=DigitsSpec(threshold=None, num_held_out=NUM_HELD_OUT),
        autoencoder=AutoencoderSpec(
            hidden=(8,),
            code_dim=3,
            num_steps=20,
            batch_size=16,
            learning_rate=1e-3,
            code_penalty=1e-3,
            weight_decay=0.0,
        ),
    ),
    "bernoulli": BitsSpec(num_bits=3, num_train=200, num_held_out=NUM_HELD_OUT),
    "gbs": GaussianBosonSpec(
        num_modes=4,
        num_squeezed=3,
        mean_photons=1.0,
        max_photons=6,
        num_train=200,
        num_held_out=NUM_HELD_OUT,
    ),
    "thermal": ThermalSpec(num_modes=4, num_lit=2, num_train=200, num_held_out=NUM_HELD_OUT),
    "iqp": IQPSpec(num_qubits=5, num_train=200, num_held_out=NUM_HELD_OUT),
    "ising": IsingSpec(side=3, num_train=200, num_held_out=NUM_HELD_OUT),
    "array": None,  # made from a file, below
}
every_latent = pytest.mark.parametrize("latent_spec", LATENTS, indirect=True)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def latent_specs(cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("banks") / "mine"
    counts = stream(0, "test").generator().poisson(1.0, size=(200 + NUM_HELD_OUT, 4))
    import_bank(counts, folder, {"from": "a test"})
    sizes = {name: value for name, value in _SHARED.items() if name != "dim"}
    return {**LATENTS, "bank": bank_spec(folder, cache, **sizes)}


@pytest.fixture(scope="module")
def latent_spec(request, latent_specs):
    return latent_specs[request.param]


@pytest.fixture(scope="module", params=DATA_SETS)
def data_spec(request, tmp_path_factory):
    if (spec := DATA_SETS[request.param]) is not None:
        return spec
    path = tmp_path_factory.mktemp("mine") / "mine.npy"
    np.save(path, 50 + 9 * stream(0, "test").generator().normal(size=(500, 3)))
    return array_spec(path)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_of(data_spec, latent_spec, seed=0) -> RunSpec:
    network = MLPSpec(hidden=(8,), activation="relu", negative_slope=0.0, initialisation="pytorch")
    learns = isinstance(latent_spec, LearnedPriorSpec)
    return RunSpec(
        data=data_spec,
        latent=latent_spec,
        model=GANSpec(generator=replace(network, trainable_input_affine=learns), critic=network),
        training=WGANSpec(
            num_steps=3,
            batch_size=4,
            critic_steps=1,
            gradient_penalty=10.0,
            optimiser=OptimiserSpec(name="rmsprop", learning_rate=1e-3, alpha=0.99),
        ),
        evaluation=EvaluationSpec(num_samples=NUM_HELD_OUT),
        seed=seed,
    )


def test_no_latent_and_no_data_set_is_left_out(data_spec):
    named = {type(spec) for spec in LATENTS.values() if spec is not None} | {BankSpec}
    assert named == set(latent_kinds())
    covered = {type(spec) for spec in DATA_SETS.values() if spec is not None} | {ArraySpec}
    # Molecules and photographs are trained on by models of their own, and have their own tests:
    # tests/data/test_molecules.py, tests/data/test_cifar10.py.
    assert covered == set(typing.get_args(DataSpec)) - {MoleculesSpec, Cifar10Spec}


@every_latent
def test_a_latent_keeps_its_contract(latent_spec, cache):
    latent = latent_of_run(latent_spec, 0, cache)
    z = latent.sample(30, stream(0, "z"))
    assert z.shape == (30, latent.dim) == (30, latent_spec.dim)
    assert z.dtype == torch.float32
    assert z.isfinite().all()
    assert not z.requires_grad
    assert torch.equal(latent.sample(30, stream(0, "z")), z)
    assert not torch.equal(latent.sample(30, stream(1, "z")), z)
    assert len(z.unique(dim=0)) > 1
    assert latent.sample(0, stream(0, "z")).shape == (0, latent.dim)
    held_out = latent.held_out(NUM_HELD_OUT)
    assert held_out.shape == (NUM_HELD_OUT, latent.dim)
    for moment in latent.moments:
        assert moment.shape == (latent.dim,)
        assert moment.dtype == np.float64
    assert np.allclose(latent.moments.mean, 0, atol=1e-12)
    assert latent.card.what and latent.card.shares and latent.card.simulation
    other_seed = latent_of_run(latent_spec, 1, cache)
    assert not torch.equal(other_seed.held_out(NUM_HELD_OUT), held_out)
    z.zero_()  # what a caller does to its z stays with the caller
    assert torch.equal(latent.held_out(NUM_HELD_OUT), held_out)


@every_latent
def test_a_latent_in_place_changes_stay_with_the_caller(latent_spec, cache):
    latent = latent_of_run(latent_spec, 0, cache)
    before = latent.held_out(NUM_HELD_OUT).clone()
    latent.held_out(NUM_HELD_OUT).fill_(7.0)
    assert torch.equal(latent.held_out(NUM_HELD_OUT), before)


def test_a_data_set_keeps_its_contract(data_spec, cache):
    data = load(data_spec, stream(0, "data"), cache)
    assert data.name == data_spec.name
    for part in (data.train, data.held_out, data.floor_reference):
        assert part.dtype == np.float32
        assert part.shape[1] == (data.dim if part is data.train else data.sample_dim)
        assert np.isfinite(part).all()
        assert not part.flags.writeable
    assert len(data.held_out) == len(data.floor_reference) >= NUM_HELD_OUT
    assert set(data.metrics) <= set(METRICS)
    # A verdict can be had: not every metric of the data is won by a constant.
    assert not all(METRICS[name].constant_wins for name in data.metrics)
    for name in data.metrics:
        assert set(METRICS[name].needs) <= set(data.facts)
        assert set(METRICS[name].corroborated_by) <= set(data.metrics)
    assert np.array_equal(load(data_spec, stream(0, "data"), cache).train, data.train)
    in_data_units = data.to_data_units(data.train)
    assert in_data_units.shape == (len(data.train), data.sample_dim)
    if data.decoder is None:
        back = (in_data_units - data.offset) / data.scale
        assert np.allclose(back, data.train, atol=1e-5)


def test_metrics_of_the_data_themselves_are_their_floor(data_spec, cache):
    data = load(data_spec, stream(0, "data"), cache)
    metrics = evaluate(data.floor_reference, data, 0)
    assert tuple(metrics) == data.metrics
    assert all(entry["value"] == entry["floor"] for entry in metrics.values())
    json.dumps(metrics, allow_nan=False)


@every_latent
def test_specs_are_frozen_hashable_and_come_back_from_json(data_spec, latent_spec):
    run = run_of(data_spec, latent_spec)
    again = RunSpec.from_json(json.loads(json.dumps(run.to_json())))
    assert again == run
    assert hash(again) == hash(run)
    assert again.digest == run.digest != run_of(data_spec, latent_spec, seed=1).digest
    for spec in (data_spec, latent_spec):
        name = fields(spec)[0].name
        with pytest.raises(AttributeError):
            setattr(spec, name, getattr(spec, name))


def test_every_latent_trains_on_every_data_set_in_one_stack(
    data_spec, latent_specs, cache, tmp_path
):
    runs = [run_of(data_spec, latent) for latent in latent_specs.values()]
    # The generator of a learned prior has more parameters, and so a stack of its own.
    learned = [run for run in runs if run.model.generator.trainable_input_affine]
    outcomes = []
    for place, stack in enumerate(([run for run in runs if run not in learned], learned)):
        made = train_stack(stack, cache=cache, checkpoint=tmp_path / f"stack-{place}.safetensors")
        assert made is not None
        outcomes += made
    assert len(outcomes) == len(latent_specs)
    data = load(data_spec, stream(0, "data"), cache)
    for outcome in outcomes:
        assert outcome.samples is not None
        assert outcome.samples.shape == (NUM_HELD_OUT, data.sample_dim)
        assert np.isfinite(outcome.samples).all()
        json.dumps(evaluate(outcome.samples, data, 0), allow_nan=False)
    # Trained on other latents, and on nothing else that differs.
    assert len({outcome.samples.tobytes() for outcome in outcomes}) == len(outcomes)


def flow_of(data_spec, latent_spec) -> RunSpec:
    is_embedded = width_of(data_spec) != latent_spec.dim
    return RunSpec(
        data=data_spec,
        latent=latent_spec,
        model=FlowSpec(
            velocity=VelocitySpec(
                hidden=(8,), activation="silu", num_frequencies=0, initialisation="pytorch"
            ),
            embedding="orthonormal" if is_embedded else "none",
            dequantisation="none",
            jitter=0.0,
            solver=SolverSpec(name="euler", num_evaluations=2),
        ),
        training=FlowMatchingSpec(
            num_steps=3,
            batch_size=4,
            path="straight",
            coupling="independent",
            sigma_min=0.0,
            optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.9, 0.999)),
        ),
        evaluation=EvaluationSpec(num_samples=NUM_HELD_OUT),
        seed=0,
    )


def test_a_flow_takes_every_latent_to_every_data_set(data_spec, latent_specs, cache, tmp_path):
    latents = dict(latent_specs)
    with pytest.raises(ValueError, match="a learned prior's means and scales"):
        flow_of(data_spec, latents.pop("learned_prior"))
    runs = [flow_of(data_spec, latent) for latent in latents.values()]
    assert RunSpec.from_json(json.loads(json.dumps(runs[0].to_json()))) == runs[0]
    outcomes = train_stack(runs, cache=cache, checkpoint=tmp_path / "stack.safetensors")
    assert outcomes is not None
    sample_dim = load(data_spec, stream(0, "data"), cache).sample_dim
    for outcome in outcomes:
        assert outcome.samples is not None
        assert outcome.samples.shape == (NUM_HELD_OUT, sample_dim)
        assert np.isfinite(outcome.samples).all()
        assert outcome.sampling == {"solver": "euler", "function_evaluations": 2}
    assert len({outcome.samples.tobytes() for outcome in outcomes}) == len(outcomes)


def denoiser_of(latent_spec) -> RunSpec:
    """Two steps of the diffusion, so two latents an image."""
    return RunSpec(
        data=DigitsSpec(threshold=None, num_held_out=NUM_HELD_OUT),
        latent=latent_spec,
        model=DDGANSpec(
            image_shape=DigitsSpec.image_shape,
            diffusion=Diffusion(num_timesteps=2, beta_min=0.1, beta_max=20.0),
            generator=UNetSpec(
                channels=4,
                multipliers=(1,),
                num_blocks=1,
                attention=(),
                style_width=4,
                mapping_layers=1,
                normalise_latent=True,
            ),
            critic=TimeCriticSpec(channels=4, multipliers=(1,), time_width=4, group=4),
        ),
        training=DenoisingSpec(
            num_steps=2,
            batch_size=4,
            optimiser=OptimiserSpec(name="adam", learning_rate=1e-3, betas=(0.5, 0.9)),
            critic_learning_rate=1e-3,
            least_learning_rate=0.0,
            gradient_penalty=1.0,
            penalty_every=2,
            averaging=0.5,
        ),
        evaluation=EvaluationSpec(num_samples=NUM_HELD_OUT // 2),
        seed=0,
    )


def test_a_diffusion_gan_takes_every_latent(latent_specs, cache, tmp_path):
    latents = dict(latent_specs)
    with pytest.raises(ValueError, match="a learned prior's means and scales"):
        denoiser_of(latents.pop("learned_prior"))
    runs = [denoiser_of(latent) for latent in latents.values()]
    assert RunSpec.from_json(json.loads(json.dumps(runs[0].to_json()))) == runs[0]
    outcomes = train_stack(runs, cache=cache, checkpoint=tmp_path / "stack.safetensors")
    assert outcomes is not None
    for outcome in outcomes:
        assert outcome.samples is not None
        assert outcome.samples.shape == (NUM_HELD_OUT // 2, 64)
        assert np.isfinite(outcome.samples).all()
    assert len({outcome.samples.tobytes() for outcome in outcomes}) == len(outcomes)
