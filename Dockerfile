# The image of every run: with CUDA by default, without it from a plain Debian (`pwm image build --cpu`).
# Both the classic builder and BuildKit accept this file; hence no RUN --mount and no heredoc.
#
# CUDA 12.6. L40S nodes of university clusters often run drivers of the 535 and 550 series; CUDA 13 needs 580,
# every CUDA 12 runs from 525 on by minor-version compatibility. That compatibility covers machine code but not
# PTX, so whatever is compiled here is compiled for TORCH_CUDA_ARCH_LIST, not left to the driver. Of torch's
# CUDA 12 builds the 12.6 one is the older and the best tried. The devel image and not the runtime one, since
# dflex on a GPU outside TORCH_CUDA_ARCH_LIST, and torch.compile anywhere, call the compilers at run time.
ARG BASE_IMAGE=nvidia/cuda:12.6.3-devel-ubuntu22.04@sha256:d49bb8a4ff97fb5fe477947a3f02aa8c0a53eae77e11f00ec28618a0bcaa2ad1

# --- Python and the locked packages ---------------------------------------------------------------------------
FROM ${BASE_IMAGE} AS packages
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]

# 1: with dflex, its compiler, its requirements, and the git that pip fetches it by.
ARG DFLEX=1
# Which build of the locked torch: cu126, cu129, cpu …, and where it is; the index may be empty.
ARG TORCH_BUILD=cu126
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu126
# Warp on the package index is built with CUDA 13.4 and refuses drivers below 580 (1.19.0 does); its releases
# have the same version for CUDA 12. Empty: the one of the package index, right for CPUs and for CUDA 13.
ARG WARP_RELEASES=https://github.com/NVIDIA/warp/releases/download
# What pip needs in this place to reach its index. This stage's layers are not in the image.
ARG PIP_INDEX_URL=
ARG PIP_EXTRA_INDEX_URL=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# DL3008: versions of system packages follow from the base image, which is pinned, and its security updates.
# SC2046: the words of the list are meant to be split.
# hadolint ignore=DL3008,SC2046
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates python3 python3-venv $([ "$DFLEX" = 0 ] || echo g++ git python3-dev) \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/pwm/venv
ENV PATH=/opt/pwm/venv/bin:$PATH

# image-inputs is what `pwm image build` adds to the context where this machine needs it: ca.crt, wheels/, dflex/.
WORKDIR /build
COPY pyproject.toml requirements.lock pwm/suite/image/packages.py image-input[s] ./
RUN python packages.py locked --torch-build "$TORCH_BUILD" --torch-index "$TORCH_INDEX" \
        --warp-releases "$WARP_RELEASES"

# dflex, by the requirement that its lock pins, or from the folder in the build context.
COPY pwm/suite/image/dflex.lock ./
RUN mkdir /opt/pwm/dflex && { [ "$DFLEX" = 0 ] || python packages.py dflex /opt/pwm/dflex; }

# --- Kernels: built here, without a GPU, for the GPUs to come ---------------------------------------------------
FROM packages AS kernels
ARG TORCH_CUDA_ARCH_LIST=8.9
COPY pwm/__init__.py pwm/errors.py /build/source/pwm/
COPY pwm/envs /build/source/pwm/envs
COPY pwm/suite/image/kernels.py /build/
ENV PYTHONPATH=/build/source PYTHONDONTWRITEBYTECODE=1 WARP_CACHE_PATH=/opt/pwm/warp MAX_JOBS=2
RUN python kernels.py

# --- The image --------------------------------------------------------------------------------------------------
FROM ${BASE_IMAGE} AS image
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
ARG DFLEX=1
# hadolint ignore=DL3008,SC2046
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates python3 $([ "$DFLEX" = 0 ] || echo g++ python3-dev) \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 --shell /bin/bash pwm

COPY --from=packages /opt/pwm/venv /opt/pwm/venv
COPY --from=kernels /opt/pwm/dflex /opt/pwm/dflex
COPY --from=kernels /opt/pwm/warp /opt/pwm/warp

# PWM_LAUNCH: train through accelerate launch, however many processes. The command `pwm` is a script that finds a
# writable place for every cache before it starts the real one; so every user id can run a read-only image.
ENV PATH=/opt/pwm/bin:/opt/pwm/venv/bin:$PATH \
    PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PWM_LAUNCH=always

# From here on is what changes with the code: seconds, not minutes.
COPY pwm/suite/image/entrypoint.sh /opt/pwm/bin/pwm
COPY pyproject.toml README.md LICENSE /build/
COPY configs /build/configs
COPY pwm /build/pwm
RUN pip install --no-cache-dir --no-deps --no-index --no-build-isolation --disable-pip-version-check \
        --root-user-action=ignore /build && rm -rf /build

ARG VERSION=unknown
ARG COMMIT=unknown
ARG SOURCE=unknown
ARG LOCK=unknown
ARG BASE=unknown
ARG TORCH=unknown
ARG CUDA=unknown
ARG DFLEX_SOURCE=unknown
# Kept where the program sees it, for run.json, and where `docker inspect` and `apptainer inspect` do.
ENV PWM_IMAGE_VERSION=$VERSION PWM_IMAGE_COMMIT=$COMMIT PWM_IMAGE_SOURCE=$SOURCE PWM_IMAGE_LOCK=$LOCK PWM_IMAGE_BASE=$BASE
LABEL org.opencontainers.image.title=pwm \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$COMMIT \
      org.opencontainers.image.base.name=$BASE \
      pwm.source=$SOURCE \
      pwm.lock=$LOCK \
      pwm.torch=$TORCH \
      pwm.cuda=$CUDA \
      pwm.dflex=$DFLEX_SOURCE

USER 1000:1000
WORKDIR /work
ENTRYPOINT ["pwm"]
