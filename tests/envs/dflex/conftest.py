"""A stand-in for dflex, and the real one where it is installed."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import torch.utils.cpp_extension

INSTALLED = find_spec("dflex") is not None
needs_dflex = pytest.mark.skipif(not INSTALLED, reason="the simulator dflex is not installed here")


class Compiler:
    """Stands in for torch's compiler of extensions."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failure: Exception | None = None

    def __call__(self, name: str, **options: Any) -> None:
        self.calls.append(options)
        folder = Path(options["build_directory"])
        # torch's own lock: a killed build leaves it, and the next waits for it without end.
        assert not (folder / "lock").exists()
        (folder / "kernels.so").write_text("compiled")
        if self.failure is not None:
            raise self.failure


def forget() -> dict[str, ModuleType]:
    """Make nothing of dflex imported, as in a new process; returns what was."""
    names = [name for name in sys.modules if name.partition(".")[0] == "dflex"]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    compiler = Compiler()
    monkeypatch.setattr(torch.utils.cpp_extension, "load_inline", compiler)
    return compiler


@pytest.fixture
def dflex(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: Compiler) -> Iterator[Path]:
    """The folder of an installed package ``dflex``, a stand-in, without kernels."""
    shutil.copytree(Path(__file__).with_name("stand_in"), tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TORCH_CUDA_ARCH_LIST", raising=False)
    monkeypatch.setattr(torch.version, "cuda", None)
    imported = forget()
    yield tmp_path / "site" / "dflex"
    forget()
    sys.modules.update(imported)


@pytest.fixture(params=["stand-in", pytest.param("installed", marks=needs_dflex)])
def ant(request: pytest.FixtureRequest) -> str:
    """The name of an environment on the stand-in, and on dflex."""
    if request.param == "stand-in":
        request.getfixturevalue("dflex")
    return "dflex_ant"
