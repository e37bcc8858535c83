#!/bin/bash
# The command `pwm` inside the image: gives every cache a writable place, then starts the real one.
# PWM_CACHE names the place; by default a folder of this user's on the node's own disk.
set -euo pipefail

cache=${PWM_CACHE:-${TMPDIR:-/tmp}/pwm-cache-$(id -u)}
if ! (umask 077 && mkdir -p "$cache") 2> /dev/null || [ ! -O "$cache" ] || [ ! -w "$cache" ]; then
    cache=$(mktemp -d)
fi
export WARP_CACHE_PATH=${WARP_CACHE_PATH:-$cache/warp}
export TORCHINDUCTOR_CACHE_DIR=${TORCHINDUCTOR_CACHE_DIR:-$cache/inductor}
export TRITON_CACHE_DIR=${TRITON_CACHE_DIR:-$cache/triton}
export TORCH_EXTENSIONS_DIR=${TORCH_EXTENSIONS_DIR:-$cache/extensions}
export CUDA_CACHE_PATH=${CUDA_CACHE_PATH:-$cache/cuda}
export HF_HOME=${HF_HOME:-$cache/huggingface}
export WANDB_CACHE_DIR=${WANDB_CACHE_DIR:-$cache/wandb}
export WANDB_DATA_DIR=${WANDB_DATA_DIR:-$cache/wandb}
export MPLCONFIGDIR=${MPLCONFIGDIR:-$cache/matplotlib}
export XDG_CACHE_HOME=${XDG_CACHE_HOME:-$cache/xdg}

# The kernels that the image was built with; what is there already may be newer and stays.
mkdir -p "$WARP_CACHE_PATH"
cp -rn /opt/pwm/warp/. "$WARP_CACHE_PATH" 2> /dev/null || true

exec /opt/pwm/venv/bin/pwm "$@"
