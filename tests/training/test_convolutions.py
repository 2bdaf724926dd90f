"""Convolutions are exact inside, and afterwards as the process had them."""

import pytest
import torch

from quantum_latents.training.convolutions import exact_convolutions

CUDNN = torch.backends.cudnn


def settings():
    of_both = CUDNN.conv.fp32_precision, CUDNN.rnn.fp32_precision
    return *of_both, CUDNN.benchmark, CUDNN.deterministic


@pytest.fixture
def as_before():
    conv, rnn, benchmark, deterministic = settings()
    whole = torch.backends.fp32_precision
    yield
    torch.backends.fp32_precision = whole
    CUDNN.conv.fp32_precision, CUDNN.rnn.fp32_precision = conv, rnn
    CUDNN.benchmark, CUDNN.deterministic = benchmark, deterministic


@pytest.mark.skipif(not hasattr(CUDNN, "conv"), reason="an older torch has one name of it alone")
@pytest.mark.parametrize("everywhere", ["none", "tf32", "ieee"])
@pytest.mark.parametrize("of_convolutions", [None, "tf32", "ieee"])
@pytest.mark.parametrize("by_speed", [False, True])
def test_whatever_the_process_had_set(everywhere, of_convolutions, by_speed, as_before):
    torch.backends.fp32_precision = everywhere
    if of_convolutions is not None:
        CUDNN.conv.fp32_precision = of_convolutions
    CUDNN.benchmark = by_speed
    had = settings()
    with pytest.raises(InterruptedError), exact_convolutions():
        assert settings() == ("ieee", "ieee", False, True)
        assert not CUDNN.allow_tf32
        raise InterruptedError
    assert settings() == had
