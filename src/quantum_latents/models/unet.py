"""Networks of images in a denoising diffusion GAN (Xiao, Kreis, Vahdat 2022).

Notation: B images of C channels, H x W pixels in [-1, 1]; t (B,) the step of the diffusion they
are at; z (B, d_z) latents. The generator is a U-Net (Ronneberger, Fischer, Brox 2015) with residual
blocks: the step enters them as a shift of every channel, the latent, through a *mapping* network,
as scale and shift of every group normalisation (as in StyleGAN, Karras et al. 2019). The critic
sees an image and the one that it was denoised from, and the step.

A residual block halves the sum of its variances by 1 / sqrt(2) (Song et al. 2021). Nothing here
draws a random number but `initialise`, from the generator that it is given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

__all__ = ["TimeCritic", "TimeCriticSpec", "UNet", "UNetSpec", "initialise"]

_MOST_GROUPS = 32
_WAVELENGTHS = 10_000.0
_SMALL = 1e-10
"""Xavier's scale of a layer that a residual branch ends in: at first the block is the identity."""


@dataclass(frozen=True, kw_only=True)
class UNetSpec:
    """The generator.

    Attributes:
        channels: C of the first level.
        multipliers: channels of every level, in units of `channels`; from one to the next, height
            and width are halved.
        num_blocks: residual blocks of a level on the way down; one more on the way up.
        attention: heights of the levels that end in self-attention; () for none but the middle's.
        style_width: numbers that the latent is mapped to.
        mapping_layers: hidden layers of the mapping, each as wide.
        normalise_latent: divide every z by its root mean square first. Only the direction of z is
            left then.
    """

    channels: int
    multipliers: tuple[int, ...]
    num_blocks: int
    attention: tuple[int, ...]
    style_width: int
    mapping_layers: int
    normalise_latent: bool

    def __post_init__(self):
        for name in ("channels", "num_blocks", "style_width", "mapping_layers"):
            _check_positive(name, getattr(self, name))
        _check_levels(self.channels, self.multipliers)
        if not isinstance(self.attention, tuple):
            raise TypeError(
                f"attention is a tuple of heights such as (16,), not {self.attention!r}"
            )
        if not isinstance(self.normalise_latent, bool):
            raise TypeError(f"normalise_latent is True or False, not {self.normalise_latent!r}")


@dataclass(frozen=True, kw_only=True)
class TimeCriticSpec:
    """The critic.

    Attributes:
        channels, multipliers: as of `UNetSpec`; each level has one residual block.
        time_width: numbers that the step is embedded in.
        group: images over which the standard deviation of the features is taken and shown to
            the last layer (Karras et al. 2018); 1 for none.
    """

    channels: int
    multipliers: tuple[int, ...]
    time_width: int
    group: int

    def __post_init__(self):
        for name in ("channels", "time_width", "group"):
            _check_positive(name, getattr(self, name))
        _check_levels(self.channels, self.multipliers)


def _check_positive(name: str, value: int) -> None:
    if type(value) is not int:
        raise TypeError(f"{name} is an integer, not {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")


def _check_levels(channels: int, multipliers: tuple[int, ...]) -> None:
    if not isinstance(multipliers, tuple) or not all(type(m) is int for m in multipliers):
        raise TypeError(f"multipliers is a tuple of integers such as (1, 2), not {multipliers!r}")
    if not multipliers or min(multipliers) < 1:
        raise ValueError(f"multipliers needs at least one positive number, not {multipliers}")
    if channels % 4:
        raise ValueError(f"channels is a multiple of 4, for group normalisation, not {channels}")


class UNet(nn.Module):
    """The generator: an image without noise out of one with noise, a latent and the step.

    All weights are without values until `initialise`.

    Args:
        spec: the network.
        image_shape: (channels, height, width).
        latent_dim: d_z.

    Raises:
        ValueError: the image cannot be halved so often.

    >>> spec = UNetSpec(channels=8, multipliers=(1, 2), num_blocks=1, attention=(), style_width=8,
    ...                 mapping_layers=1, normalise_latent=True)
    >>> unet = UNet(spec, (1, 8, 8), latent_dim=4)
    >>> initialise(unet, torch.Generator().manual_seed(0))
    >>> unet(torch.zeros(5, 1, 8, 8), torch.ones(5, dtype=torch.long), torch.ones(5, 4)).shape
    torch.Size([5, 1, 8, 8])
    """

    def __init__(self, spec: UNetSpec, image_shape: tuple[int, int, int], latent_dim: int):
        super().__init__()
        colours, height, _ = image_shape
        check_halvings(image_shape, len(spec.multipliers) - 1)
        self.spec = spec
        time_width = 4 * spec.channels
        self.time = nn.Sequential(
            _linear(spec.channels, time_width), nn.SiLU(), _linear(time_width, time_width)
        )
        layers, fan_in = [], latent_dim
        for _ in range(spec.mapping_layers + 1):
            layers += [_linear(fan_in, spec.style_width), nn.SiLU()]
            fan_in = spec.style_width
        self.mapping = nn.Sequential(*layers)

        def block(into: int, out: int) -> _StyledBlock:
            return _StyledBlock(into, out, time_width, spec.style_width)

        self.first = _conv(colours, spec.channels)
        down, kept, now = [], [spec.channels], spec.channels
        for level, multiplier in enumerate(spec.multipliers):
            for _ in range(spec.num_blocks):
                down.append(block(now, now := multiplier * spec.channels))
                if height >> level in spec.attention:
                    down[-1].attention = _Attention(now)
                kept.append(now)
            if level < len(spec.multipliers) - 1:
                down.append(_conv(now, now, stride=2))
                kept.append(now)
        self.down = nn.ModuleList(down)
        self.middle = nn.ModuleList([block(now, now), block(now, now)])
        self.middle[0].attention = _Attention(now)
        up = []
        for level, multiplier in reversed(list(enumerate(spec.multipliers))):
            for _ in range(spec.num_blocks + 1):
                up.append(block(now + kept.pop(), now := multiplier * spec.channels))
                if height >> level in spec.attention:
                    up[-1].attention = _Attention(now)
            if level:
                up.append(_conv(now, now))
        self.up = nn.ModuleList(up)
        self.norm = nn.GroupNorm(_groups(now), now, eps=1e-6)
        self.last = _conv(now, colours, scale=_SMALL)

    def forward(self, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
        """Return x_0 (B, C, H, W) in [-1, 1] of x_t, steps t (B,) and latents z (B, d_z)."""
        time = self.time(_waves(t, self.spec.channels).to(x))
        if self.spec.normalise_latent:
            z = z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-8)
        style = self.mapping(z)
        now = self.first(x)
        kept = [now]
        for layer in self.down:
            is_block = isinstance(layer, _StyledBlock)
            now = layer(now, time, style) if is_block else layer(now)
            kept.append(now)
        for layer in self.middle:
            now = layer(now, time, style)
        for layer in self.up:
            if isinstance(layer, _StyledBlock):
                now = layer(torch.cat([now, kept.pop()], dim=1), time, style)
            else:
                now = layer(functional.interpolate(now, scale_factor=2.0, mode="nearest"))
        return torch.tanh(self.last(functional.silu(self.norm(now))))


class TimeCritic(nn.Module):
    """The critic: one number for x_{t-1}, given x_t and t.

    Args:
        spec: the network.
        image_shape: (channels, height, width).

    Raises:
        ValueError: the image cannot be halved so often.
    """

    def __init__(self, spec: TimeCriticSpec, image_shape: tuple[int, int, int]):
        super().__init__()
        colours = image_shape[0]
        check_halvings(image_shape, len(spec.multipliers) - 1)
        self.spec = spec
        self.time = nn.Sequential(
            _linear(spec.time_width, spec.time_width),
            nn.LeakyReLU(0.2),
            _linear(spec.time_width, spec.time_width),
        )
        now = spec.channels * spec.multipliers[0]
        self.first = _conv(2 * colours, now, kernel=1)
        blocks = []
        for level, multiplier in enumerate(spec.multipliers):
            out = multiplier * spec.channels
            blocks.append(_CriticBlock(now, out, spec.time_width, is_halved=level > 0))
            now = out
        self.blocks = nn.ModuleList(blocks)
        self.last = _conv(now + (spec.group > 1), now)
        self.score = _linear(now, 1)

    def forward(self, before: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """Return the scores (B,) of x_{t-1} and x_t, each (B, C, H, W), at steps t (B,)."""
        time = functional.leaky_relu(self.time(_waves(t, self.spec.time_width).to(x)), 0.2)
        now = self.first(torch.cat([before, x], dim=1))
        for block in self.blocks:
            now = block(now, time)
        if self.spec.group > 1:
            now = torch.cat([now, _deviation(now, self.spec.group)], dim=1)
        now = functional.leaky_relu(self.last(now), 0.2)
        return self.score(now.sum((2, 3)))[:, 0]


class _StyledBlock(nn.Module):
    """Residual: twice normalisation in the latent's style, SiLU, convolution; time in between."""

    def __init__(self, into: int, out: int, time_width: int, style_width: int):
        super().__init__()
        self.norm1 = _StyledNorm(into, style_width)
        self.conv1 = _conv(into, out)
        self.time = _linear(time_width, out)
        self.norm2 = _StyledNorm(out, style_width)
        self.conv2 = _conv(out, out, scale=_SMALL)
        self.skip = _conv(into, out, kernel=1) if into != out else nn.Identity()
        self.attention: nn.Module = nn.Identity()

    def forward(self, x: Tensor, time: Tensor, style: Tensor) -> Tensor:
        now = self.conv1(functional.silu(self.norm1(x, style)))
        now = now + self.time(functional.silu(time))[:, :, None, None]
        now = self.conv2(functional.silu(self.norm2(now, style)))
        return self.attention((self.skip(x) + now) / math.sqrt(2))


class _StyledNorm(nn.Module):
    """Group normalisation whose scale and shift of a channel are affine in the style."""

    def __init__(self, channels: int, style_width: int):
        super().__init__()
        self.num_groups = _groups(channels)
        self.style = _linear(style_width, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        return functional.group_norm(x, self.num_groups, eps=1e-6) * (1 + scale) + shift


class _Attention(nn.Module):
    """Residual self-attention over the pixels, one head (Vaswani et al. 2017)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(_groups(channels), channels, eps=1e-6)
        self.into = _conv(channels, 3 * channels, kernel=1)
        self.out = _conv(channels, channels, kernel=1, scale=_SMALL)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        q, k, v = self.into(self.norm(x)).flatten(2).mT.chunk(3, dim=2)
        # Written out: a fused kernel's derivative of a derivative is not everywhere.
        weights = torch.softmax(q @ k.mT / math.sqrt(channels), dim=2)
        found = (weights @ v).mT.reshape(batch, channels, height, width)
        return (x + self.out(found)) / math.sqrt(2)


class _CriticBlock(nn.Module):
    """Residual: twice LeakyReLU and convolution, time in between, then half the size or not."""

    def __init__(self, into: int, out: int, time_width: int, *, is_halved: bool):
        super().__init__()
        self.conv1 = _conv(into, out)
        self.time = _linear(time_width, out)
        self.conv2 = _conv(out, out, scale=_SMALL)
        self.skip = _conv(into, out, kernel=1, has_bias=False)
        self.is_halved = is_halved

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        now = self.conv1(functional.leaky_relu(x, 0.2)) + self.time(time)[:, :, None, None]
        now = self.conv2(functional.leaky_relu(now, 0.2))
        if self.is_halved:
            now, x = functional.avg_pool2d(now, 2), functional.avg_pool2d(x, 2)
        return (now + self.skip(x)) / math.sqrt(2)


def check_halvings(image_shape: tuple[int, int, int], number: int) -> None:
    """Refuse images that cannot be halved so often.

    Raises:
        ValueError: as said.
    """
    _, height, width = image_shape
    if height % 2**number or width % 2**number:
        raise ValueError(
            f"{number + 1} multipliers halve images {number} times, and {height} x {width} pixels "
            "cannot be: give fewer"
        )


def _deviation(x: Tensor, group: int) -> Tensor:
    """Return a map (B, 1, H, W) of how much the features of a group of images differ."""
    batch, channels, height, width = x.shape
    if batch % group:
        raise ValueError(f"a batch is a multiple of group={group}, not {batch}")
    of_groups = x.view(group, batch // group, channels, height, width)
    deviation = (of_groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return deviation.repeat(group)[:, None, None, None].expand(batch, 1, height, width)


def _waves(t: Tensor, width: int) -> Tensor:
    """Return sines and cosines (B, width) of steps t (B,), as of places in a text."""
    half = width // 2
    places = torch.arange(half, dtype=torch.float64, device=t.device) / max(half - 1, 1)
    angles = t.double()[:, None] * _WAVELENGTHS**-places
    waves = torch.cat([angles.sin(), angles.cos()], dim=1)
    return functional.pad(waves, (0, width - 2 * half))


def _groups(channels: int) -> int:
    return min(channels // 4, _MOST_GROUPS)


def _linear(into: int, out: int) -> nn.Linear:
    layer = skip_init(nn.Linear, into, out, device=torch.get_default_device())
    assert isinstance(layer, nn.Linear)
    return layer


def _conv(
    into: int,
    out: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    scale: float = 1.0,
    has_bias: bool = True,
) -> nn.Conv2d:
    layer = skip_init(
        nn.Conv2d,
        into,
        out,
        kernel,
        stride=stride,
        padding=kernel // 2,
        bias=has_bias,
        device=torch.get_default_device(),
    )
    assert isinstance(layer, nn.Conv2d)
    layer.register_buffer("variance_scale", torch.tensor(scale), persistent=False)
    return layer


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw all weights: uniform after Glorot and Bengio 2010, times a layer's own scale; biases 0.

    Normalisations begin as the identity. Modules are taken in the order of their names.
    """
    layers: Mapping[str, nn.Module] = dict(module.named_modules())
    for _, layer in sorted(layers.items()):
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
            variance = float(getattr(layer, "variance_scale", 1.0)) * 2 / (fan_in + fan_out)
            drawn = torch.rand(layer.weight.shape, generator=generator, dtype=torch.float64)
            layer.weight.copy_((2 * drawn - 1) * math.sqrt(3 * variance))
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, nn.GroupNorm):
            layer.weight.fill_(1)
            layer.bias.zero_()
