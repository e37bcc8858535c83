"""The import of dflex, which needs help: see :func:`environments`."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils import cpp_extension

from pwm.envs.dflex import kernels
from pwm.envs.dflex.kernels import Need
from pwm.errors import UserError

REQUIREMENT = (
    "dflex @ git+https://github.com/imgeorgiev/DiffRL.git@bb59db5cf65e63740787bf22f91bae3103b30d19"
    "#subdirectory=dflex"
)
"""The dflex that these adapters are written for."""
_REQUIREMENTS = {"pxr": "usd-core", "urchin": "urchin"}
"""What dflex imports besides torch and numpy: module and the package that has it."""


def environments() -> ModuleType:
    """The module ``dflex.envs``, imported once per process.

    At its import dflex compiles kernels or loads compiled ones. They are taken from where they fit this
    machine (:mod:`pwm.envs.dflex.kernels`), or compiled for the present GPU's architecture, once; that takes
    some minutes. dflex then finds the names that it expects of gym and of an older numpy, and leaves
    ``sys.path`` and numpy's print options as they were.

    Raises:
        UserError: dflex or something that it needs is not installed, or its kernels cannot be built.
    """
    if "dflex" not in sys.modules:
        spec = _installed()
        package = Path(str(spec.origin)).resolve().parent
        need = kernels.needed(package)
        folder = kernels.find(package, need)
        if folder is not None:
            _import(spec, folder, need, _refuse)
        else:
            with kernels.one_builder():
                _find_or_build(spec, package, need)
    return import_module("dflex.envs")


@contextmanager
def expected_names() -> Iterator[None]:
    """What dflex needs while it is imported or an environment is made; it prints nothing meanwhile."""
    with ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.printoptions())
        if not hasattr(np, "Inf"):
            stack.enter_context(_put(np.__dict__, "Inf", np.inf))
        yield


def _installed() -> ModuleSpec:
    spec = find_spec("dflex")
    if spec is None or spec.origin is None or spec.loader is None:
        raise UserError(
            "the simulator dflex is not installed here; run in the image that has it, or "
            f"pip install '{REQUIREMENT}'; env=ant and env=cartpole are the same tasks without it"
        )
    missing = [package for module, package in _REQUIREMENTS.items() if find_spec(module) is None]
    if missing:
        raise UserError(f"dflex needs {', '.join(missing)}: pip install {' '.join(missing)}")
    return spec


def _find_or_build(spec: ModuleSpec, package: Path, need: Need) -> None:
    folder = kernels.find(package, need)  # another process may have built it while this one waited
    if folder is not None:
        _import(spec, folder, need, _refuse)
        return
    with kernels.building(package, need) as (built, target):
        what = f"CUDA {', '.join(need.architectures)}" if need.architectures else "the CPU"
        print(f"Compiling dflex's kernels for {what} into {target}, once.", file=sys.stderr, flush=True)
        _import(spec, built, need, _compiler(package, need))


def _import(spec: ModuleSpec, folder: Path, need: Need, compile_kernels: Callable[..., Any]) -> None:
    """Execute the package with its kernels in ``folder``, compiled by ``compile_kernels`` if need be."""
    assert spec.loader is not None
    package = module_from_spec(spec)
    path = list(sys.path)
    with expected_names(), _no_gym(), _cuda_as_built(folder, need):
        sys.modules["dflex"] = package
        try:
            adjoint = import_module("dflex.adjoint")
            adjoint_file = adjoint.__file__
            # dflex takes the folder `kernels` beside this file.
            adjoint.__file__ = str(folder.parent / "adjoint.py")
            with _put(cpp_extension.__dict__, "load_inline", compile_kernels):
                spec.loader.exec_module(package)
            adjoint.__file__ = adjoint_file
        except BaseException:
            for name in [name for name in sys.modules if name.partition(".")[0] == "dflex"]:
                del sys.modules[name]
            raise
        finally:
            sys.path[:] = path


def _compiler(package: Path, need: Need) -> Callable[..., Any]:
    """torch's compiler of extensions, for the architectures of ``need``, its failure put in one line."""
    load_inline = cpp_extension.load_inline
    # torch looks for ninja on the path, where an environment that is not activated is not.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

    def compile_kernels(*arguments: Any, **options: Any) -> Any:
        options |= {"extra_include_paths": [str(package)], "verbose": False}
        options["extra_cuda_cflags"] = need.cuda_flags()
        try:
            with _put(os.environ, "PATH", path):
                return load_inline(*arguments, **options)
        except (RuntimeError, OSError, ImportError) as error:
            with NamedTemporaryFile("w", prefix="dflex-", suffix=".log", delete=False) as log:
                log.write(str(error))
            tools = "ninja, a C++ compiler"
            if need.architectures:
                tools += ", a CUDA toolkit of torch's version (CUDA_HOME)"
            raise UserError(
                f"dflex's kernels could not be compiled; that needs {tools}. The reason is in {log.name}"
            ) from error

    return compile_kernels


def _refuse(*arguments: Any, **options: Any) -> Any:
    raise UserError(
        "dflex's compiled kernels are not those of its code, although their stamp says so; delete them "
        f"({options.get('build_directory')})"
    )


def _no_gym() -> AbstractContextManager[None]:
    """dflex imports gym for two descriptions that nothing here reads."""
    gym = ModuleType("gym")
    gym.__dict__["spaces"] = SimpleNamespace(Box=lambda low, high: (low, high))
    return _put(sys.modules, "gym", gym)


def _cuda_as_built(folder: Path, need: Need) -> AbstractContextManager[None]:
    """Let dflex believe in a GPU exactly if its kernels are for one: it asks to know what it generates."""
    stamp = kernels.stamp_of(folder) or need
    return _put(torch.cuda.__dict__, "is_available", lambda: bool(stamp.architectures))


@contextmanager
def _put(names: MutableMapping[str, Any], name: str, value: Any) -> Iterator[None]:
    """Within, ``names[name]`` is ``value``."""
    kept = {name: names[name]} if name in names else {}
    names[name] = value
    try:
        yield
    finally:
        del names[name]
        names.update(kept)
