"""Which precisions a device is trusted with, before a study starts."""

import builtins
import io

import pytest
import torch

from quantum_latents.execution import check_precision, machine, run_study
from quantum_latents.execution.machine import bf16_units
from quantum_latents.recipes import settings_of, with_precision


def processor(monkeypatch, flags):
    content = f"processor\t: 0\nmodel name\t: x\nflags\t\t: fpu {flags} sse\n\nprocessor\t: 1\n"

    def fake_open(path, *arguments):
        return io.StringIO(content) if path == "/proc/cpuinfo" else builtins.open(path, *arguments)

    monkeypatch.setattr(machine, "open", fake_open, raising=False)


@pytest.mark.parametrize(
    ("flags", "units"),
    [
        ("avx2 avx512f", ()),
        ("avx512_bf16 avx512f", ("avx512_bf16",)),
        ("avx512_bf16 amx_bf16 amx_tile", ("amx_bf16", "avx512_bf16")),
    ],
)
def test_bf16_is_for_processors_with_matrix_units(flags, units, monkeypatch):
    processor(monkeypatch, flags)
    assert bf16_units() == units
    if units:
        check_precision("bf16", "cpu")
    else:
        with pytest.raises(
            ValueError,
            match=r"--precision bf16: this processor has no bf16 matrix units "
            r"\(amx_bf16, avx512_bf16\), it would be slower than fp32",
        ):
            check_precision("bf16", "cpu")


def test_tf32_is_for_gpus(monkeypatch):
    with pytest.raises(ValueError, match="--precision tf32 needs --device cuda"):
        check_precision("tf32", "cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old One")
    for capability, is_trusted in (((9, 0), True), ((8, 0), True), ((7, 5), False)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda c=capability: c)
        for precision in ("tf32", "bf16"):
            if is_trusted:
                check_precision(precision, "cuda")
            else:
                with pytest.raises(ValueError, match=f"{precision}: Old One has no matrix units"):
                    check_precision(precision, "cuda")


def test_what_every_device_computes_is_never_asked_about():
    for precision in ("float32", "float64"):
        for device in ("cpu", "cuda"):
            check_precision(precision, device)


def test_a_study_of_another_precision_has_other_runs_and_says_so(tiny_study, tmp_path, monkeypatch):
    processor(monkeypatch, "avx2")
    usual = tiny_study()
    study = with_precision(usual, "bf16")
    assert {run.digest for run in study.runs}.isdisjoint(run.digest for run in usual.runs)
    (setting,) = [s for s in settings_of(study) if s["name"] == "training.precision"]
    assert setting == {
        "name": "training.precision",
        "value": "bf16",
        "source": "asked for on the command line",
    }
    assert "bf16" in study.notes[-1]
    with pytest.raises(ValueError, match="no bf16 matrix units"):
        run_study(study, tmp_path / "study", command="a test")
    assert not (tmp_path / "study").exists()
