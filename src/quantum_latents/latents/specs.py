"""What a latent is made from: frozen settings, hashed with the run.

Notation: d_z (`dim`) is the length of z; a photonic latent has one coordinate a mode.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from quantum_latents.latents.autoregressive import check_autoregressive
from quantum_latents.latents.correlated import check_ising_latent, check_squeezed_latent
from quantum_latents.latents.dirichlet_multinomial import check_dirichlet_multinomial
from quantum_latents.latents.pairwise import check_pairwise
from quantum_latents.latents.priors import PriorName, check_prior
from quantum_latents.latents.rivals import RIVALS, RivalName
from quantum_latents.samplers.commuting import check_qubits
from quantum_latents.samplers.ising import CRITICAL_TEMPERATURE

__all__ = [
    "AutoregressiveFitSpec",
    "BankSpec",
    "BernoulliSpec",
    "CommutingSpec",
    "GaussianSpec",
    "IsingSpinsSpec",
    "LatentSpec",
    "LearnedPriorSpec",
    "LearnedSpec",
    "NoisyPhotonicSpec",
    "PhotonicSpec",
    "PriorSpec",
    "RivalSpec",
    "Scaling",
    "SqueezedSpec",
    "noisy_name",
]

Scaling = Literal["raw", "centred", "standardised", "minus_half"]
"""How raw draws r become z, from the law's exact moments, never from a sample's:
`raw` z = r; `centred` z = r - E r; `standardised` z = (r - E r) / sd r;
`minus_half` z = r - 1/2, what the paper's authors released for two dimensions."""


@dataclass(frozen=True, kw_only=True)
class _Shared:
    dim: int
    scaling: Scaling
    bank_size: int | None
    num_held_out: int

    def __post_init__(self):
        if self.dim < 1:
            raise ValueError(f"a latent's dim is at least 1, not {self.dim}")
        if self.scaling not in ("raw", "centred", "standardised", "minus_half"):
            raise ValueError(
                f"scaling is 'raw', 'centred', 'standardised' or 'minus_half', not {self.scaling!r}"
            )
        if self.bank_size is not None and self.bank_size < 1:
            raise ValueError(f"bank_size is at least 1, or None for fresh, not {self.bank_size}")
        if self.num_held_out < 1:
            raise ValueError(f"num_held_out is at least 1, not {self.num_held_out}")


@dataclass(frozen=True, kw_only=True)
class GaussianSpec(_Shared):
    """Independent standard normals.

    Attributes:
        dim: d_z.
        scaling: see `Scaling`.
        bank_size: draws kept and re-used in training; None draws afresh every time.
        num_held_out: further draws that training never sees, for the metrics.
    """

    name: Literal["gaussian"] = "gaussian"


@dataclass(frozen=True, kw_only=True)
class BernoulliSpec(_Shared):
    """Independent fair bits; attributes as in `GaussianSpec`."""

    name: Literal["bernoulli"] = "bernoulli"


@dataclass(frozen=True, kw_only=True)
class PhotonicSpec(_Shared):
    """Photon counts of an interferometer drawn for the run's seed.

    Further attributes than those of `GaussianSpec`:
        name: `quantum` for indistinguishable photons, `distinguishable` for the control.
        num_photons: n, spread evenly over the input modes (`evenly_spread`).
        interferometer: `haar`, or `time-bin:1,3,9` with the loops' delays.
        sharing: `shared` gives both photonic latents of a seed one interferometer,
            `independent` one each.
    """

    name: Literal["quantum", "distinguishable"]
    num_photons: int
    interferometer: str
    sharing: Literal["shared", "independent"]

    def __post_init__(self):
        super().__post_init__()
        if self.name not in ("quantum", "distinguishable"):
            raise ValueError(
                f"a photonic latent is 'quantum' or 'distinguishable', not {self.name!r}"
            )
        _check_device(self)


@dataclass(frozen=True, kw_only=True)
class NoisyPhotonicSpec(_Shared):
    """The quantum latent of a seed with one thing changed: how far its photons interfere or get
    lost. Its interferometer is the quantum latent's.

    Further attributes than those of `GaussianSpec`:
        name: `noisy_name` of the next two, such as `interference:0.5`.
        interference: x in [0, 1], see `samplers.Noise`: 1 is boson sampling, 0 distinguishable.
        transmission: probability that a photon gets into the interferometer, in (0, 1].
        num_photons, interferometer, sharing: the quantum latent's.
    """

    name: str
    num_photons: int
    interferometer: str
    sharing: Literal["shared", "independent"]
    interference: float = 1.0
    transmission: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.interference <= 1:
            raise ValueError(f"interference is in [0, 1], not {self.interference}")
        if not 0 < self.transmission <= 1:
            raise ValueError(f"transmission is in (0, 1], not {self.transmission}")
        if self.name != (name := noisy_name(self.interference, self.transmission)):
            raise ValueError(f"this latent's name is {name!r}, not {self.name!r}")
        _check_device(self)


def noisy_name(interference: float, transmission: float = 1.0) -> str:
    """Return what a latent with this overlap and transmission is called.

    >>> noisy_name(0.5), noisy_name(1.0, 0.9), noisy_name(0.25, 0.9)
    ('interference:0.5', 'transmission:0.9', 'interference:0.25,transmission:0.9')
    """
    loss = f"transmission:{transmission:g}"
    if transmission == 1:
        return f"interference:{interference:g}"
    return loss if interference == 1 else f"interference:{interference:g},{loss}"


@dataclass(frozen=True, kw_only=True)
class BankSpec(_Shared):
    """The shots of one bank, simulated or from a processor; `bank_spec` makes one from its folder.

    Its coordinates are centred and scaled by the means and variances of all its shots, since the
    law of a bank from elsewhere is not known. A seed names which of the shots a run trains on and
    which it holds out.

    Further attributes than those of `GaussianSpec`:
        name: `bank:` and the folder's name.
        checksum: of the content, so that a run's name does not depend on where the bank lies.
    """

    name: str
    checksum: str

    def __post_init__(self):
        super().__post_init__()
        if not self.name.startswith("bank:") or len(self.name) == len("bank:"):
            raise ValueError(f"a bank's name is such as 'bank:pt2', not {self.name!r}")
        if self.bank_size is None:
            raise ValueError("a bank cannot be drawn afresh: give bank_size, its training shots")
        if not re.fullmatch("[0-9a-f]{64}", self.checksum):
            raise ValueError(
                f"checksum is 64 hexadecimal digits, not {self.checksum!r}; bank_spec computes it"
            )


@dataclass(frozen=True, kw_only=True)
class RivalSpec(_Shared):
    """A classical rival of the quantum latent of the run's seed, see `latents.rivals`.

    It is always made from the quantum latent's own interferometer.

    Further attributes than those of `GaussianSpec`:
        name: one of `RIVALS`.
        num_photons: the quantum latent's n, spread evenly over the input modes.
        interferometer: the quantum latent's, `haar` or such as `time-bin:1,3,9`.
        sharing: the quantum latent's, which names its interferometer.
    """

    name: RivalName
    num_photons: int
    interferometer: str
    sharing: Literal["shared", "independent"]

    def __post_init__(self):
        super().__post_init__()
        if self.name not in RIVALS:
            raise ValueError(f"no rival is called {self.name!r}: choose among {', '.join(RIVALS)}")
        _check_device(self)
        if self.name == "pairwise":
            check_pairwise(self.dim, self.num_photons)
        if self.name == "dirichlet_multinomial":
            check_dirichlet_multinomial(self.num_photons)


@dataclass(frozen=True, kw_only=True)
class PriorSpec(_Shared):
    """A simple prior, see `latents.priors`.

    Further attributes than those of `GaussianSpec`:
        name: one of `PRIORS`.
        parameter: degrees of freedom of `student_t`, distance of the means of
            `gaussian_mixture`, deviation of `rounded_gaussian`, rate of `poisson`; None for the
            others.
    """

    name: PriorName
    parameter: float | None

    def __post_init__(self):
        super().__post_init__()
        check_prior(self.name, self.dim, self.parameter)
        if self.parameter is not None:
            # A run has one name however its numbers were typed.
            object.__setattr__(self, "parameter", float(self.parameter))


@dataclass(frozen=True, kw_only=True)
class SqueezedSpec(_Shared):
    """Gaussian boson sampling beside the quantum latent of the run's seed, see
    `latents.correlated`: squeezed light in its interferometer and input modes, kept where it has
    as many photons.

    Further attributes than those of `GaussianSpec`:
        num_photons: the quantum latent's n, an even number.
        interferometer: the quantum latent's, `haar` or such as `time-bin:1,3,9`.
        sharing: the quantum latent's, which names its interferometer.
    """

    name: Literal["gbs"] = "gbs"
    num_photons: int
    interferometer: str
    sharing: Literal["shared", "independent"]

    def __post_init__(self):
        super().__post_init__()
        _check_device(self)
        check_squeezed_latent(self.dim, self.num_photons)


@dataclass(frozen=True, kw_only=True)
class CommutingSpec(_Shared):
    """Bit strings of a random commuting circuit (IQP) drawn for the run's seed.

    Attributes as in `GaussianSpec`; `dim`, the number of qubits, is at most 20.
    """

    name: Literal["iqp"] = "iqp"

    def __post_init__(self):
        super().__post_init__()
        check_qubits(self.dim)


@dataclass(frozen=True, kw_only=True)
class IsingSpinsSpec(_Shared):
    """Spins of a periodic square Ising lattice, as bits.

    `dim` is the number of spins, a square number up to 100. Further attribute than those of
    `GaussianSpec`:
        temperature: in units of J/k_B; the infinite lattice is critical at 2.269.
    """

    name: Literal["ising"] = "ising"
    temperature: float = CRITICAL_TEMPERATURE

    def __post_init__(self):
        super().__post_init__()
        check_ising_latent(self.dim, self.temperature)


@dataclass(frozen=True, kw_only=True)
class AutoregressiveFitSpec:
    """An autoregressive network and its fit by maximum likelihood, see `training.autoregressive`.

    Attributes:
        hidden: H, hidden units; (2 H + 1) numbers a mode and count, about.
        num_shots: N, quantum shots that it is fitted to, drawn for it alone.
        num_steps: updates by Adam.
        batch_size: shots of an update, drawn with replacement.
        learning_rate: of the first update; it falls linearly to 0.
    """

    hidden: int
    num_shots: int
    num_steps: int
    batch_size: int
    learning_rate: float

    def __post_init__(self):
        for name in ("hidden", "num_shots", "num_steps", "batch_size"):
            if type(value := getattr(self, name)) is not int:
                raise TypeError(f"{name} is an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{name} is at least 1, not {value}")
        if not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate is a finite number > 0, not {self.learning_rate}")
        object.__setattr__(self, "learning_rate", float(self.learning_rate))


@dataclass(frozen=True, kw_only=True)
class LearnedSpec(_Shared):
    """The learned rival: a small network fitted to shots of the quantum latent of the run's seed.

    `training.latent_of_run` fits it, once for a cache; `build_latent` reads the fit.

    Further attributes than those of `GaussianSpec`:
        num_photons, interferometer, sharing: the quantum latent's.
        fit: the network, the shots it is fitted to, and how.
    """

    name: Literal["learned"] = "learned"
    num_photons: int
    interferometer: str
    sharing: Literal["shared", "independent"]
    fit: AutoregressiveFitSpec

    def __post_init__(self):
        super().__post_init__()
        if self.name != "learned":
            raise ValueError(f"the learned rival's name is 'learned', not {self.name!r}")
        _check_device(self)
        check_autoregressive(self.dim, self.num_photons)


@dataclass(frozen=True, kw_only=True)
class LearnedPriorSpec(_Shared):
    """Independent standard normals, of which the generator learns a mean and a scale each.

    The means and scales are the generator's (`MLPSpec.trainable_input_affine`), 2 d_z numbers
    more than it has on any other latent; attributes as in `GaussianSpec`.
    """

    name: Literal["learned_prior"] = "learned_prior"


def _check_device(
    spec: PhotonicSpec | NoisyPhotonicSpec | RivalSpec | SqueezedSpec | LearnedSpec,
) -> None:
    if not 1 <= spec.num_photons <= spec.dim:
        raise ValueError(
            f"num_photons is between 1 and the {spec.dim} modes, not {spec.num_photons}"
        )
    if spec.interferometer != "haar" and not spec.interferometer.startswith("time-bin:"):
        raise ValueError(
            "interferometer is 'haar' or 'time-bin:' with delays such as 'time-bin:1,3,9', "
            f"not {spec.interferometer!r}"
        )
    if spec.sharing not in ("shared", "independent"):
        raise ValueError(f"sharing is 'shared' or 'independent', not {spec.sharing!r}")


LatentSpec = (
    GaussianSpec
    | BernoulliSpec
    | PhotonicSpec
    | NoisyPhotonicSpec
    | RivalSpec
    | PriorSpec
    | SqueezedSpec
    | CommutingSpec
    | IsingSpinsSpec
    | LearnedSpec
    | LearnedPriorSpec
    | BankSpec
)
