"""Build the simulators' kernels into the image, on a machine without a GPU for the GPUs to come.

It runs in the image's build, with the environments of pwm but not the rest of it.
"""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path

import torch
import warp

PTX = 75
"""What Warp compiles for where the driver is as new as Warp's CUDA: PTX for its oldest architecture.
With an older driver it wants machine code for the very GPU."""


def warp_kernels(architectures: list[int]) -> None:
    """Fill Warp's cache with the kernels of the embedded environments, for this CPU and ``architectures``."""
    from pwm import envs
    from pwm.envs.newton.env import NewtonEnv

    for name in envs.DRAWABLE:
        env = envs.make(name, num_envs=1)
        assert isinstance(env, NewtonEnv)
        env.reset()
        env.step(torch.zeros(1, env.act_dim))
        env.segments()
    folders = [path.name for path in Path(warp.config.kernel_cache_dir).iterdir() if path.is_dir()]
    for name in sorted({re.sub("^wp_|_[0-9a-f]{7}$", "", folder) for folder in folders}):
        module = warp.get_module(name)
        if architectures:
            warp.compile_aot_module(module, arch=architectures, use_ptx=False)
            warp.compile_aot_module(module, arch=[PTX], use_ptx=True)


def dflex_kernels() -> None:
    """Compile dflex's kernels into its package, for TORCH_CUDA_ARCH_LIST where torch has CUDA."""
    from pwm.envs.dflex.package import environments

    environments()


def main() -> None:
    """Build what this image can use."""
    architectures: list[int] = []
    if torch.version.cuda is None:
        os.environ.pop("TORCH_CUDA_ARCH_LIST", None)
    else:
        listed = os.environ["TORCH_CUDA_ARCH_LIST"].replace(";", " ").split()
        architectures = [int(item.split("+")[0].replace(".", "")) for item in listed]
    warp_kernels(architectures)
    if find_spec("dflex") is not None:
        dflex_kernels()


if __name__ == "__main__":
    main()
