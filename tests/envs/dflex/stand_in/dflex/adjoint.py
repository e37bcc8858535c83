"""Kernels in the folder beside this file, taken from there if they were generated from the same source."""

import os

import torch
import torch.utils.cpp_extension


def compile_kernels() -> None:
    source = f"for a GPU: {torch.cuda.is_available()}"
    folder = os.path.dirname(os.path.realpath(__file__)) + "/kernels"
    if not os.path.exists(folder):
        os.mkdir(folder)
    if os.path.exists(folder + "/adjoint.gen"):
        with open(folder + "/adjoint.gen") as generated:
            if generated.read() == source:
                print("Using cached kernels")
                return
    print("Rebuilding kernels")
    torch.utils.cpp_extension.load_inline(
        "kernels",
        cpp_sources=[source],
        extra_cuda_cflags=["-gencode=arch=compute_50,code=compute_50"],
        build_directory=folder,
        extra_include_paths=[os.path.dirname(folder)],
        verbose=True,
    )
    with open(folder + "/adjoint.gen", "w") as generated:
        generated.write(source)
