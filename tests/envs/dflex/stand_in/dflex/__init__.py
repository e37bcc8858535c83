"""Compiles its kernels when it is imported."""

from . import adjoint, envs

adjoint.compile_kernels()

__all__ = ["envs"]
