# qlat in a container, on CPUs: docs/containers.md says how to build and to use it.
#
#     docker build --build-arg TORCH_INDEX=ADDRESS -t quantum-latents .
#     docker run --rm -v "$PWD:/studies" --user "$(id -u):$(id -g)" quantum-latents doctor
#
# ADDRESS is the index of CPU builds that pytorch.org names for pip; without it pip may bring the
# build with CUDA, which is some gigabytes larger and used by nothing here.
FROM python:3.11-slim

ARG TORCH_INDEX=""
# Extras of pyproject.toml, with commas between.
ARG EXTRAS="data"

RUN useradd --create-home qlat && install -d -o qlat -m 1777 /studies /cache

WORKDIR /opt/quantum-latents

# What is installed depends on these two files alone, so a change of the source keeps this layer.
COPY pyproject.toml constraints.txt ./
COPY scripts/requirements.py scripts/
RUN python scripts/requirements.py "$EXTRAS" > requirements.txt \
    && pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
        -c constraints.txt -r requirements.txt setuptools

COPY README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --no-build-isolation --no-deps .

# Kernels, banks and data sets that are kept, whoever the user of a run is.
ENV QLAT_CACHE=/cache NUMBA_CACHE_DIR=/cache/numba
USER qlat
WORKDIR /studies
ENTRYPOINT ["qlat"]
CMD ["--help"]
