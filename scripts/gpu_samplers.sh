#!/bin/sh
# Check the samplers of an offline GPU machine against its CPU, shot by shot, and measure them:
#
#     OUT=back scripts/gpu_samplers.sh
#
# Its Python needs numpy, scipy, numba and CuPy, and pytest for the checks; nothing needs to be
# installed of this checkout. First the checks, 200 s at most, then rates at five sizes in float64 and
# float32 beside the cores, 330 s at most; rows are written as they come. The rows of OUT/bench-gpu.json become results/bench-gpu.json.
#
# Read from the environment: OUT (folder for the rows, gpu-samplers), SECONDS_A_ROUND (2), PYTHON
# (an interpreter, python3).
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)

PYTHONPATH="$here/src${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONPATH
out=${OUT:-gpu-samplers}
python=${PYTHON:-python3}
mkdir -p "$out"

status=0
timeout -k 5 200 "$python" -m pytest -q -rs -p no:cacheprovider -k gpu "$here/tests/samplers/test_cuda.py" || status=1
timeout -k 5 330 "$python" -m quantum_latents.bench.gpu --seconds "${SECONDS_A_ROUND:-2}" \
    --json "$out/bench-gpu.json" || status=1
exit "$status"
