"""The data sets that a study may name: what each is, whose family it is of, how it is judged.

To add one, add its entry to `DATA_SETS`. Every data set has the energy distance, by which they can
all be compared.

A data set of a latent's own family begs the question: photon counts are what the quantum latent
already is, so that it does well on them says little about other data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

from quantum_latents.data import (
    BitsSpec,
    CheckerboardSpec,
    DigitsSpec,
    GaussianBosonSpec,
    IQPSpec,
    IsingSpec,
    MixtureSpec,
    MoonsSpec,
    PhotonCountsSpec,
    ThermalSpec,
)

__all__ = [
    "DATA_SETS",
    "NON_CIRCULAR",
    "SAME_FAMILY",
    "SHARED_METRIC",
    "TABLE1_DATA",
    "NamedData",
    "NamedSpec",
    "data_notes",
    "data_sources",
    "margins_of",
    "primary_of",
    "specs_of",
]

NamedSpec = (
    BitsSpec
    | CheckerboardSpec
    | DigitsSpec
    | GaussianBosonSpec
    | IQPSpec
    | IsingSpec
    | MixtureSpec
    | MoonsSpec
    | PhotonCountsSpec
    | ThermalSpec
)
"""Any spec that a name stands for: each holds out `num_held_out` samples."""

SHARED_METRIC = "energy_distance"
"""The metric that every data set has and that no constant output wins."""

TABLE1_DATA = ("quantum", "bernoulli")
"""Table I's: photon counts of a boson sampler, and fair bits."""

SAME_FAMILY = (
    "The quantum data are boson sampling themselves, so the quantum latent shares their family; "
    "the distinguishable control matches mean occupancies alone. A difference between the two "
    "does not isolate interference."
)
"""What a reader must be told of the quantum data."""

_MARGINS = {"l1_to_integer": 0.005, "share_outside": 0.02}
"""Within which latents are as good as one another by a metric, declared beforehand."""

_ANY_SIZE = 2

_DIGITS = "scikit-learn's load_digits; the split, and a threshold of half the grey scale, are ours"
_FEW_IMAGES = (
    "The digits are 1,797 images: 997 to train on, 400 held out and 400 for the floor, in one "
    "split for all seeds, whatever the sizes above. So few held-out images make metrics noisy, and "
    "intervals cover training, latents and interferometers, not which images were sampled."
)
_PAPER = "paper, Appendix D"


@dataclass(frozen=True, kw_only=True)
class NamedData:
    """A data set by name.

    Attributes:
        what: one line.
        build: the spec, from the samples to train on and those held out.
        primary_metrics: declared beforehand; of metrics that other data sets have too, none that
            is not primary there.
        source: where its settings come from.
        family: the latent whose own family the data are of, "" for none.
        note: what a reader of any study on these data must be told, or "".
    """

    what: str
    build: Callable[[int, int], NamedSpec]
    primary_metrics: tuple[str, ...]
    source: str
    family: str = ""
    note: str = ""

    @property
    def is_circular(self) -> bool:
        """Whether the data are of the quantum latent's own family."""
        return self.family == "quantum"


_WHOLE_NUMBERS = ("l1_to_integer", SHARED_METRIC)
_OUTCOMES = ("l1_to_integer", "outcome_distance", SHARED_METRIC)

DATA_SETS: Mapping[str, NamedData] = {
    "quantum": NamedData(
        what="photon counts of a boson sampler, 8 photons in 16 modes",
        build=lambda num_train, num_held_out: PhotonCountsSpec(
            num_modes=16, num_photons=8, num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=_WHOLE_NUMBERS,
        source=_PAPER,
        family="quantum",
        note=SAME_FAMILY,
    ),
    "bernoulli": NamedData(
        what="16 independent fair bits",
        build=lambda num_train, num_held_out: BitsSpec(
            num_bits=16, num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=_WHOLE_NUMBERS,
        source=_PAPER,
        family="bernoulli",
    ),
    "gbs": NamedData(
        what="Gaussian boson sampling: photon counts of squeezed light in 16 modes",
        build=lambda num_train, num_held_out: GaussianBosonSpec(
            num_modes=16, num_squeezed=16, num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=_OUTCOMES,
        source="ours: every mode is squeezed, a mean total of 4, of which at most 10 are kept",
        family="gbs",
        note=(
            "The gbs data are Gaussian boson sampling of an interferometer of their own; a latent "
            "of the same name shares their family."
        ),
    ),
    "thermal": NamedData(
        what="photon counts of thermal light in 16 modes",
        build=lambda num_train, num_held_out: ThermalSpec(
            num_modes=16, num_lit=8, num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=_WHOLE_NUMBERS,
        source="ours: as much light as the quantum data have",
        family="thermal",
        note=(
            "The thermal data are thermal light in an interferometer of their own; a latent of "
            "the same name shares their family."
        ),
    ),
    "iqp": NamedData(
        what="bit strings of a random commuting circuit of 16 qubits (IQP)",
        build=lambda num_train, num_held_out: IQPSpec(
            num_qubits=16, num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=_OUTCOMES,
        source="ours: as long as the paper's bits",
        family="iqp",
        note=(
            "The iqp data have next to no correlations of few bits: of their metrics the distance "
            "of the laws of outcomes is the one that can tell them from fair bits."
        ),
    ),
    "ising": NamedData(
        what="Ising spins of a periodic 8 x 8 lattice at the critical temperature",
        build=lambda num_train, num_held_out: IsingSpec(
            num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=_OUTCOMES,
        source=(
            "ours: as large as the handwritten digits, at the temperature where the infinite "
            "lattice is critical (Onsager)"
        ),
        family="ising",
        note=(
            "The ising data are a classical law. A latent of the same name has it on a smaller "
            "lattice, unless z is as long as a sample."
        ),
    ),
    "mixture": NamedData(
        what="seven blobs on a circle, in the plane",
        build=lambda num_train, num_held_out: MixtureSpec(
            num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=("share_outside", SHARED_METRIC),
        source="the authors' released demo",
    ),
    "moons": NamedData(
        what="two half circles that reach into one another, in the plane",
        build=lambda num_train, num_held_out: MoonsSpec(
            num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=(SHARED_METRIC,),
        source="scikit-learn's make_moons, drawn independently; the noise is its gallery's",
    ),
    "checkerboard": NamedData(
        what="the eight dark squares of a board, in the plane",
        build=lambda num_train, num_held_out: CheckerboardSpec(
            num_train=num_train, num_held_out=num_held_out
        ),
        primary_metrics=("share_off_board", SHARED_METRIC),
        source="Grathwohl et al. 2019 (FFJORD)",
    ),
    "binary_digits": NamedData(
        what="handwritten digits, 8 x 8 pixels, black or white",
        build=lambda num_train, num_held_out: DigitsSpec(threshold=8),
        primary_metrics=_WHOLE_NUMBERS,
        source=_DIGITS,
        note=_FEW_IMAGES,
    ),
    "grey_digits": NamedData(
        what="handwritten digits, 8 x 8 pixels, 17 grey levels",
        build=lambda num_train, num_held_out: DigitsSpec(threshold=None),
        primary_metrics=_WHOLE_NUMBERS,
        source=_DIGITS,
        note=_FEW_IMAGES,
    ),
}
"""Every data set that can be named, and what a study must know of it."""

NON_CIRCULAR = tuple(name for name, data in DATA_SETS.items() if not data.is_circular)
"""The data sets that are not of the quantum latent's own family."""


def specs_of(names: Sequence[str], *, num_train: int, num_held_out: int) -> tuple[NamedSpec, ...]:
    """Return the named data sets; images, which are as many as they are, keep their own sizes.

    Raises:
        ValueError: a name that is none of `DATA_SETS`.

    >>> [spec.num_held_out for spec in specs_of(["moons", "grey_digits"], num_train=9,
    ...                                         num_held_out=1000)]
    [1000, 400]
    """
    return tuple(data.build(num_train, num_held_out) for data in _named(names))


def primary_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the primary metrics of the named data sets, the one that all share last.

    A data set that lacks one of them gets no verdict by it, and the page says so.

    >>> primary_of(["moons", "quantum"])
    ('l1_to_integer', 'energy_distance')
    """
    special = dict.fromkeys(metric for data in _named(names) for metric in data.primary_metrics)
    return (*(metric for metric in special if metric != SHARED_METRIC), SHARED_METRIC)


def margins_of(names: Sequence[str]) -> dict[str, float]:
    """Return the margins of equivalence that are declared for the primary metrics.

    >>> margins_of(["quantum", "moons"])
    {'l1_to_integer': 0.005}
    """
    return {metric: _MARGINS[metric] for metric in primary_of(names) if metric in _MARGINS}


def data_notes(names: Sequence[str]) -> tuple[str, ...]:
    """Return what a reader must be told of the named data sets."""
    return tuple(dict.fromkeys(data.note for data in _named(names) if data.note))


def data_sources(names: Sequence[str]) -> dict[str, str]:
    """Return where each setting of the data comes from but their sizes; {} where all are Table I's.

    >>> data_sources(["moons", "checkerboard"])["data.half_width"]
    'checkerboard: Grathwohl et al. 2019 (FFJORD)'
    """
    if set(names) <= set(TABLE1_DATA):
        return {}
    sources = {"data": "ours: the data sets of this study"}
    for name, data in zip(names, _named(names), strict=True):
        for field in fields(data.build(_ANY_SIZE, _ANY_SIZE)):
            if field.name not in ("num_train", "num_held_out"):
                before = sources.get(key := f"data.{field.name}", "")
                sources[key] = "; ".join(filter(None, [before, f"{name}: {data.source}"]))
    return sources


def _named(names: Sequence[str]) -> tuple[NamedData, ...]:
    if unknown := [name for name in names if name not in DATA_SETS]:
        raise ValueError(
            f"no data set is called {unknown[0]!r}: choose among {', '.join(DATA_SETS)}"
        )
    return tuple(DATA_SETS[name] for name in names)
