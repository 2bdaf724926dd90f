"""Training: specs of runs, many runs at once, checkpoints."""

from quantum_latents.training.autoregressive import fit_latent, is_fitted, latent_of_run
from quantum_latents.training.cost import bytes_of, flop_of
from quantum_latents.training.denoising import DenoisingStack
from quantum_latents.training.denoising_settings import DenoisingSpec
from quantum_latents.training.flow_matching import FlowStack
from quantum_latents.training.flow_settings import FlowMatchingSpec
from quantum_latents.training.generator import (
    TrainedDenoiser,
    TrainedFlow,
    TrainedGenerator,
    load_generator,
)
from quantum_latents.training.kinds import (
    Stack,
    build_stack,
    check_requirements,
    loss_names_of,
    prepare_steps,
)
from quantum_latents.training.own_training import (
    LatentDraws,
    OwnRunSpec,
    OwnTrainingSpec,
    any_run_spec,
)
from quantum_latents.training.resume import Earlier
from quantum_latents.training.settings import OptimiserSpec, Precision, WGANSpec
from quantum_latents.training.spec import EvaluationSpec, RunSpec, TrainingSpec
from quantum_latents.training.stack import (
    Outcome,
    check_stackable,
    data_of,
    milestone_steps,
    rehearse_stack,
    train_stack,
)
from quantum_latents.training.wgan import GANStack, StackMember, compile_steps, kernel_of

__all__ = [
    "DenoisingSpec",
    "DenoisingStack",
    "Earlier",
    "EvaluationSpec",
    "FlowMatchingSpec",
    "FlowStack",
    "GANStack",
    "LatentDraws",
    "OptimiserSpec",
    "Outcome",
    "OwnRunSpec",
    "OwnTrainingSpec",
    "Precision",
    "RunSpec",
    "Stack",
    "StackMember",
    "TrainedDenoiser",
    "TrainedFlow",
    "TrainedGenerator",
    "TrainingSpec",
    "WGANSpec",
    "any_run_spec",
    "build_stack",
    "bytes_of",
    "check_requirements",
    "check_stackable",
    "compile_steps",
    "data_of",
    "fit_latent",
    "flop_of",
    "is_fitted",
    "kernel_of",
    "latent_of_run",
    "load_generator",
    "loss_names_of",
    "milestone_steps",
    "prepare_steps",
    "rehearse_stack",
    "train_stack",
]
