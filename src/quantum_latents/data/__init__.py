"""DATA SETS: what generators learn to make, and the names of the metrics that belong to it.

One module a family: a frozen spec, and the function that turns it into a `DataSet`. `load`
takes any spec.
"""

from __future__ import annotations

from pathlib import Path

from quantum_latents.data.array import ArraySpec, array_spec, load_array
from quantum_latents.data.autoencoder import AutoencoderSpec
from quantum_latents.data.bits import BitsSpec, load_bits
from quantum_latents.data.checkerboard import CheckerboardSpec, load_checkerboard
from quantum_latents.data.cifar10 import Cifar10Spec, cifar10_spec, load_cifar10
from quantum_latents.data.correlated_bits import IQPSpec, IsingSpec, load_iqp, load_ising
from quantum_latents.data.dataset import DataSet, Decoder
from quantum_latents.data.digits import DigitsSpec, check_digits_installed, load_digits
from quantum_latents.data.encoded import EncodedSpec, load_encoded
from quantum_latents.data.light import (
    GaussianBosonSpec,
    ThermalSpec,
    load_gaussian_boson,
    load_thermal,
)
from quantum_latents.data.mixture import MixtureSpec, load_mixture
from quantum_latents.data.molecules import (
    MoleculesSpec,
    load_molecules,
    molecules_spec,
    write_prepared,
)
from quantum_latents.data.moons import MoonsSpec, load_moons
from quantum_latents.data.photon_counts import PhotonCountsSpec, load_photon_counts
from quantum_latents.data.pushforward import PushforwardSpec, load_pushforward
from quantum_latents.random import Stream

__all__ = [
    "ArraySpec",
    "AutoencoderSpec",
    "BitsSpec",
    "CheckerboardSpec",
    "Cifar10Spec",
    "DataSet",
    "DataSpec",
    "Decoder",
    "DigitsSpec",
    "EncodedSpec",
    "GaussianBosonSpec",
    "IQPSpec",
    "IsingSpec",
    "MixtureSpec",
    "MoleculesSpec",
    "MoonsSpec",
    "PhotonCountsSpec",
    "PushforwardSpec",
    "ThermalSpec",
    "array_spec",
    "check_installed",
    "cifar10_spec",
    "load",
    "molecules_spec",
    "write_prepared",
]

DataSpec = (
    MixtureSpec
    | PhotonCountsSpec
    | PushforwardSpec
    | BitsSpec
    | GaussianBosonSpec
    | ThermalSpec
    | IQPSpec
    | IsingSpec
    | MoonsSpec
    | CheckerboardSpec
    | DigitsSpec
    | ArraySpec
    | EncodedSpec
    | MoleculesSpec
    | Cifar10Spec
)
"""Any data set's spec."""


def check_installed(spec: DataSpec) -> None:
    """Refuse data that come with a library which is not installed, before a study begins.

    Raises:
        ImportError: as said, with the line that installs it.

    >>> check_installed(BitsSpec(num_train=100, num_held_out=50))
    """
    if isinstance(spec.data if isinstance(spec, EncodedSpec) else spec, DigitsSpec):
        check_digits_installed()


def load(spec: DataSpec, stream: Stream, cache: Path) -> DataSet:
    """Return the data set of `spec`.

    Args:
        spec: what to draw, or which file to read.
        stream: the run's stream for its data, such as ``stream(seed, "data")``. An array of the
            user's, digits, CIFAR-10 and molecules do not depend on it: their split is fixed by the
            spec.
        cache: the folder of banks, of sets of molecules and of copies of files; only what needs
            them uses it.

    Raises:
        TypeError: `spec` is no spec of a data set.
        ValueError, ImportError: see `load_array`, `load_digits`, `load_cifar10`,
            `load_molecules` and `build_bank`.

    >>> from quantum_latents.random import stream
    >>> load(BitsSpec(num_train=100, num_held_out=50), stream(0, "data"), Path("cache")).dim
    16
    """
    match spec:
        case MixtureSpec():
            return load_mixture(spec, stream)
        case PhotonCountsSpec():
            return load_photon_counts(spec, stream, cache)
        case PushforwardSpec():
            return load_pushforward(spec, stream, cache)
        case BitsSpec():
            return load_bits(spec, stream)
        case GaussianBosonSpec():
            return load_gaussian_boson(spec, stream)
        case ThermalSpec():
            return load_thermal(spec, stream)
        case IQPSpec():
            return load_iqp(spec, stream)
        case IsingSpec():
            return load_ising(spec, stream)
        case MoonsSpec():
            return load_moons(spec, stream)
        case CheckerboardSpec():
            return load_checkerboard(spec, stream)
        case DigitsSpec():
            return load_digits(spec)
        case ArraySpec():
            return load_array(spec, cache)
        case EncodedSpec():
            return load_encoded(spec, cache)
        case MoleculesSpec():
            return load_molecules(spec, cache)
        case Cifar10Spec():
            return load_cifar10(spec, cache)
    raise TypeError(f"{spec!r} is no spec of a data set; use one of {DataSpec}")
