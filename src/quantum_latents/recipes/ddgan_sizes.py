"""The presets of denoising diffusion GANs, of digits and of photographs, with their sources."""

from __future__ import annotations

from dataclasses import dataclass

from quantum_latents.models import TimeCriticSpec, UNetSpec

__all__ = [
    "CIFAR10_PRESETS",
    "CIFAR10_SETTINGS",
    "CIFAR10_SOURCES",
    "DIGITS_PRESETS",
    "DIGITS_SETTINGS",
    "DIGITS_SOURCES",
    "Cifar10Size",
    "DigitsSize",
]


@dataclass(frozen=True, kw_only=True)
class DigitsSize:
    """The sizes in which the presets differ.

    Attributes:
        channels, num_blocks: of generator and critic.
        batch_size, num_steps, averaging: of training.
        learning_rate, critic_learning_rate: of generator and critic.
        gradient_penalty, penalty_every: gamma of R1, and in how manieth critic step it is taken.
        num_seeds: runs of each latent.
        num_samples: images generated.
        bank_size: kept draws of every latent.
    """

    channels: int
    num_blocks: int
    batch_size: int
    num_steps: int
    averaging: float
    learning_rate: float
    critic_learning_rate: float
    gradient_penalty: float
    penalty_every: int
    num_seeds: int
    num_samples: int
    bank_size: int | None

    @property
    def generator(self) -> UNetSpec:
        """The U-Net of images of 8 x 8 pixels."""
        return UNetSpec(
            channels=self.channels,
            multipliers=(1, 2),
            num_blocks=self.num_blocks,
            attention=(),
            style_width=4 * self.channels,
            mapping_layers=4,
            normalise_latent=True,
        )

    @property
    def critic(self) -> TimeCriticSpec:
        """The critic of images of 8 x 8 pixels."""
        return TimeCriticSpec(
            channels=self.channels, multipliers=(1, 2, 4), time_width=4 * self.channels, group=4
        )


@dataclass(frozen=True, kw_only=True)
class Cifar10Size(DigitsSize):
    """The sizes in which the presets of photographs differ.

    Attributes:
        multipliers: of the generator's channels, level by level.
        style_width: numbers that a latent is mapped to.
        critic_channels: channels of the critic, in place of the generator's.
        critic_multipliers: of these.
        time_width: numbers that the critic embeds the step in.
        num_train: images to train on.
        num_held_out: images for the metrics, and as many for their floor.
    """

    multipliers: tuple[int, ...]
    style_width: int
    critic_channels: int
    critic_multipliers: tuple[int, ...]
    time_width: int
    num_train: int
    num_held_out: int

    @property
    def generator(self) -> UNetSpec:
        """The U-Net of images of 32 x 32 pixels."""
        return UNetSpec(
            channels=self.channels,
            multipliers=self.multipliers,
            num_blocks=self.num_blocks,
            attention=(16,),
            style_width=self.style_width,
            mapping_layers=4,
            normalise_latent=True,
        )

    @property
    def critic(self) -> TimeCriticSpec:
        """The critic of images of 32 x 32 pixels."""
        return TimeCriticSpec(
            channels=self.critic_channels,
            multipliers=self.critic_multipliers,
            time_width=self.time_width,
            group=4,
        )


DIGITS_PRESETS = {
    "smoke": DigitsSize(
        channels=4, num_blocks=1, batch_size=16, num_steps=32, averaging=0.9,
        learning_rate=5e-4, critic_learning_rate=1e-3, gradient_penalty=0.2, penalty_every=4,
        num_seeds=2, num_samples=100, bank_size=10_000,
    ),
    "quick": DigitsSize(
        channels=16, num_blocks=1, batch_size=32, num_steps=560, averaging=0.99,
        learning_rate=5e-4, critic_learning_rate=1e-3, gradient_penalty=0.2, penalty_every=4,
        num_seeds=2, num_samples=400, bank_size=100_000,
    ),
    "paper": DigitsSize(
        channels=32, num_blocks=2, batch_size=64, num_steps=20_000, averaging=0.9999,
        learning_rate=1.6e-4, critic_learning_rate=1.25e-4, gradient_penalty=0.02,
        penalty_every=15, num_seeds=10, num_samples=400, bank_size=1_000_000,
    ),
}  # fmt: skip

DIGITS_SETTINGS = {
    "channels": ("model.generator.channels", "model.critic.channels"),
    "num_blocks": ("model.generator.num_blocks",),
    "batch_size": ("training.batch_size",),
    "num_steps": ("training.num_steps",),
    "averaging": ("training.averaging",),
    "learning_rate": ("training.optimiser.learning_rate",),
    "critic_learning_rate": ("training.critic_learning_rate",),
    "gradient_penalty": ("training.gradient_penalty",),
    "penalty_every": ("training.penalty_every",),
    "num_seeds": ("seed",),
    "num_samples": ("evaluation.num_samples", "latent.num_held_out"),
    "bank_size": ("latent.bank_size",),
}

_XIAO = "Xiao et al. 2022, released for CIFAR-10"
DIGITS_SOURCES = {
    "data": "ours: the data set of this study",
    "data.num_held_out": "ours: see the data's notes",
    "latent": "paper, Appendix F: a quantum latent; the others as in its tables",
    "latent.dim": "ours: the paper's settings are not known; as in Table I",
    "latent.num_photons": "paper: half the modes",
    "latent.interferometer": "ours: as in Table I",
    "latent.scaling": "paper, Appendix C: centred to mean 0",
    "latent.sharing": "ours: every latent of a seed has one interferometer",
    "latent.bank_size": "paper: drawn once into a bank; its size here is ours",
    "latent.num_held_out": "ours: one for every step of every image",
    "model": "paper, Appendix F: a DDGAN",
    "model.image_shape": "of the data",
    "model.diffusion": _XIAO,
    "model.generator": "ours: the kind of Xiao et al., smaller, for 8 x 8 pixels",
    "model.generator.mapping_layers": _XIAO,
    "model.generator.normalise_latent": _XIAO,
    "model.critic": "ours: the kind of Xiao et al., smaller, for 8 x 8 pixels",
    "model.critic.group": _XIAO,
    "training": _XIAO,
    "training.num_steps": "ours",
    "training.optimiser.alpha": "does not apply to Adam",
    "training.precision": "ours",
    "training.divergence_threshold": "ours",
    "evaluation.num_samples": "ours: as many as are held out",
    "seed": "ours: ten, the fewest that a verdict takes",
}

CIFAR10_PRESETS = {
    "smoke": Cifar10Size(
        channels=4, multipliers=(1, 2, 2), num_blocks=1, style_width=16, critic_channels=4,
        critic_multipliers=(1, 2, 2), time_width=16, batch_size=8, num_steps=8, averaging=0.9,
        learning_rate=5e-4, critic_learning_rate=1e-3, gradient_penalty=0.2, penalty_every=4,
        num_seeds=2, num_samples=16, num_train=500, num_held_out=16, bank_size=10_000,
    ),
    "quick": Cifar10Size(
        channels=16, multipliers=(1, 2, 2), num_blocks=1, style_width=64, critic_channels=16,
        critic_multipliers=(1, 2, 4), time_width=64, batch_size=32, num_steps=32, averaging=0.9,
        learning_rate=5e-4, critic_learning_rate=1e-3, gradient_penalty=0.2, penalty_every=4,
        num_seeds=2, num_samples=50, num_train=5_000, num_held_out=50, bank_size=100_000,
    ),
    "paper": Cifar10Size(
        channels=128, multipliers=(1, 2, 2, 2), num_blocks=2, style_width=256, critic_channels=64,
        critic_multipliers=(2, 4, 8, 8), time_width=256, batch_size=256, num_steps=400_000,
        averaging=0.9999, learning_rate=1.6e-4, critic_learning_rate=1.25e-4,
        gradient_penalty=0.02, penalty_every=15, num_seeds=3, num_samples=5_000,
        num_train=50_000, num_held_out=5_000, bank_size=1_000_000,
    ),
}  # fmt: skip

CIFAR10_SETTINGS = {
    **DIGITS_SETTINGS,
    "channels": ("model.generator.channels",),
    "multipliers": ("model.generator.multipliers",),
    "style_width": ("model.generator.style_width",),
    "critic_channels": ("model.critic.channels",),
    "critic_multipliers": ("model.critic.multipliers",),
    "time_width": ("model.critic.time_width",),
    "num_train": ("data.num_train",),
    "num_held_out": ("data.num_held_out",),
}

_KRIZHEVSKY = "Krizhevsky 2009"
CIFAR10_SOURCES = {
    **DIGITS_SOURCES,
    "data": "paper, Appendix F: CIFAR-10",
    "data.sha256": f"of the images that were given ({_KRIZHEVSKY})",
    "data.num_train": _KRIZHEVSKY,
    "data.num_held_out": f"{_KRIZHEVSKY}: of the test images; the split is ours",
    "data.split_seed": "ours",
    "latent.dim": f"ours: the paper's is not known, {_XIAO} with 100 normals; as in Table I",
    "model.generator": f"{_XIAO}; ours halves and doubles by convolutions, without FIR filters",
    "model.critic": f"{_XIAO}; ours halves by the mean of four pixels",
    "training.num_steps": "Xiao et al. 2022: 400,000 for CIFAR-10",
    "seed": "ours: three; a verdict takes ten, --seeds 10",
}
