"""The paper's tables and ours, as functions that return studies."""

from quantum_latents.recipes.autoencoder import autoencoder
from quantum_latents.recipes.bank_sizes import BANK_SIZES, bank_sizes
from quantum_latents.recipes.banks import split_latents
from quantum_latents.recipes.certifiable import with_certifiable_generators
from quantum_latents.recipes.challengers import CHALLENGERS, LADDER, challengers
from quantum_latents.recipes.compare import compare
from quantum_latents.recipes.corollary import COROLLARY_LATENTS, corollary
from quantum_latents.recipes.data_sets import DATA_SETS, NON_CIRCULAR, TABLE1_DATA, NamedData
from quantum_latents.recipes.ddgan import ddgan
from quantum_latents.recipes.depth import DEPTHS, depth
from quantum_latents.recipes.hyperparameters import hyperparameters
from quantum_latents.recipes.interference import DOSES, TRANSMISSIONS, interference, loss
from quantum_latents.recipes.mixture import mixture
from quantum_latents.recipes.molecules import INTERFEROMETERS, SETUPS
from quantum_latents.recipes.moons import MOONS_DATA, FlowSettings, moons
from quantum_latents.recipes.own_training import own_training
from quantum_latents.recipes.presets import PRESETS
from quantum_latents.recipes.study import (
    LATENTS,
    Axis,
    PaperFigure,
    PaperFigures,
    Restarts,
    Study,
    settings_of,
    steps_of,
    with_bank_size,
    with_milestones,
    with_num_steps,
    with_precision,
)
from quantum_latents.recipes.survey import SURVEY_LATENTS, survey
from quantum_latents.recipes.table1 import table1
from quantum_latents.recipes.table2 import table2
from quantum_latents.recipes.tune import TunedStudy, trials_of, tune

__all__ = [
    "BANK_SIZES",
    "CHALLENGERS",
    "COROLLARY_LATENTS",
    "DATA_SETS",
    "DEPTHS",
    "DOSES",
    "INTERFEROMETERS",
    "LADDER",
    "LATENTS",
    "MOONS_DATA",
    "NON_CIRCULAR",
    "PRESETS",
    "SETUPS",
    "SURVEY_LATENTS",
    "TABLE1_DATA",
    "TRANSMISSIONS",
    "Axis",
    "FlowSettings",
    "NamedData",
    "PaperFigure",
    "PaperFigures",
    "Restarts",
    "Study",
    "TunedStudy",
    "autoencoder",
    "bank_sizes",
    "challengers",
    "compare",
    "corollary",
    "ddgan",
    "depth",
    "hyperparameters",
    "interference",
    "loss",
    "mixture",
    "moons",
    "own_training",
    "settings_of",
    "split_latents",
    "steps_of",
    "survey",
    "table1",
    "table2",
    "trials_of",
    "tune",
    "with_bank_size",
    "with_certifiable_generators",
    "with_milestones",
    "with_num_steps",
    "with_precision",
]
