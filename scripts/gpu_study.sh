#!/bin/sh
# Train a recipe on an offline GPU machine, and leave a few files that can be copied back:
#
#     OUT=back scripts/gpu_study.sh table1 --preset paper --data quantum --time-budget 9m
#     OUT=back scripts/gpu_study.sh table2 --preset paper --data qm9.npz --time-budget 9m
#
# The same call goes on where the last one stopped. Its Python needs torch, numpy, scipy, numba and
# safetensors, and nothing needs to be installed of this checkout. Arguments are those of
# `qlat run`; qm9.npz is made by `qlat prepare qm9` where RDKit is. Metrics that this machine cannot
# compute wait for `qlat evaluate`, run on the copied folder: docs/gpu.md.
#
# Read from the environment: OUT (folder for the packed study, gpu-study), WORK (the study's
# directory with its checkpoints, studies/RECIPE-PRESET), DEVICE (cuda, or cpu), PYTHON
# (an interpreter, python3), QLAT_CACHE (folder of banks and of sets of molecules).
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)

PYTHONPATH="$here/src${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
set -- "$@" --device "${DEVICE:-cuda}" --pack "${OUT:-gpu-study}"
if [ -n "${WORK:-}" ]; then
    set -- "$@" --out "$WORK"
fi
exec "${PYTHON:-python3}" -m quantum_latents.cli.offline "$@"
