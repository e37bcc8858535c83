"""How dflex is imported, on machines that lack it: with a stand-in that has dflex's habits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pwm.envs.dflex import kernels, package
from pwm.errors import UserError
from tests.envs.dflex.conftest import Compiler, forget


def gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] | None) -> None:
    """A CUDA build of torch, and a GPU or none."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(capability is not None))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)


def cached(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").glob("dflex/*/kernels/kernels.so"))


def test_without_dflex_the_remedy_is_named(dflex: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"dflex is not installed.*pip install 'dflex @ git\+.*env=ant"
    ) as caught:
        package.environments()
    assert "\n" not in str(caught.value)


def test_a_missing_requirement_is_named(dflex: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = package.find_spec
    monkeypatch.setattr(package, "find_spec", lambda name: None if name == "pxr" else found(name))
    with pytest.raises(UserError, match="pip install usd-core"):
        package.environments()


def test_kernels_are_compiled_into_a_writable_package_once(
    dflex: Path, tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hasattr(package.environments(), "AntEnv")
    assert (dflex / "kernels" / "kernels.so").exists()
    forget()
    package.environments()
    assert len(compiler.calls) == 1 and cached(tmp_path) == []


def test_kernels_of_a_read_only_package_go_to_the_cache(
    dflex: Path, tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels.os, "access", lambda path, mode: False)
    for _ in range(2):
        forget()
        package.environments()
    assert len(compiler.calls) == 1 and len(cached(tmp_path)) == 1
    assert not (dflex / "kernels").exists()


def test_a_read_only_package_that_has_fitting_kernels_needs_no_cache(
    dflex: Path, tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.environments()
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("no folder")
    forget()
    monkeypatch.setattr(kernels.os, "access", lambda path, mode: False)
    package.environments()
    assert len(compiler.calls) == 1


def test_where_nothing_is_writable_the_remedy_is_named(
    dflex: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("no folder")
    monkeypatch.setattr(kernels.os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="set TORCH_EXTENSIONS_DIR to a writable folder"):
        package.environments()


def test_a_lock_left_by_a_killed_build_is_not_waited_for(
    dflex: Path, tmp_path: Path, compiler: Compiler
) -> None:
    (dflex / "kernels").mkdir()
    (dflex / "kernels" / "lock").touch()
    package.environments()
    assert len(compiler.calls) == 1 and len(cached(tmp_path)) == 1


@pytest.mark.parametrize("field", ["source", "torch", "python", "machine"])
def test_kernels_made_for_something_else_are_left_alone_and_not_used(
    field: str, dflex: Path, tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    package.environments()
    stamp = dflex / "kernels" / kernels.STAMP
    stamp.write_text(stamp.read_text().replace(f'"{field}": "', f'"{field}": "other '))
    forget()
    package.environments()
    assert len(compiler.calls) == 2 and len(cached(tmp_path)) == 1
    assert "other" in stamp.read_text()


def test_the_architecture_is_that_of_the_present_gpu(
    dflex: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu(monkeypatch, (9, 0))
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "8.9")
    package.environments()
    assert compiler.calls[0]["extra_cuda_cflags"] == ["-gencode=arch=compute_90,code=sm_90"]
    assert compiler.calls[0]["cpp_sources"] == ["for a GPU: True"]
    assert compiler.calls[0]["extra_include_paths"] == [str(dflex)]


@pytest.mark.parametrize(
    ("capability", "architectures", "serves"),
    [
        (None, "", True),
        (None, "8.0", True),
        (None, "7.5", False),
        ((8, 0), "", True),
        ((8, 6), "", True),
        ((9, 0), "", True),
        ((7, 5), "", False),
    ],
)
def test_kernels_built_without_a_gpu_serve_those_that_they_were_built_for(
    capability: tuple[int, int] | None,
    architectures: str,
    serves: bool,
    dflex: Path,
    compiler: Compiler,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu(monkeypatch, None)
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "8.0;8.9+PTX")
    package.environments()
    assert compiler.calls[0]["extra_cuda_cflags"] == [
        "-gencode=arch=compute_80,code=sm_80",
        "-gencode=arch=compute_89,code=sm_89",
        "-gencode=arch=compute_89,code=compute_89",
    ]
    forget()
    gpu(monkeypatch, capability)
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", architectures)
    package.environments()
    assert len(compiler.calls) == (1 if serves else 2)


def test_an_unknown_architecture_is_refused(dflex: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(monkeypatch, None)
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "Ada")
    with pytest.raises(UserError, match="TORCH_CUDA_ARCH_LIST holds 'Ada'"):
        package.environments()


def test_a_failed_build_is_one_line_and_leaves_nothing_behind(
    dflex: Path, tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    compiler.failure = RuntimeError("line 1\nno such header")
    with pytest.raises(UserError, match=r"could not be compiled") as caught:
        package.environments()
    assert "\n" not in str(caught.value)
    (log,) = tmp_path.glob("*.log")
    assert str(log) in str(caught.value) and "no such header" in log.read_text()
    assert {path.name for path in dflex.iterdir()} - {"__pycache__"} == {
        "__init__.py",
        "adjoint.py",
        "envs.py",
    }
    assert not any(name.startswith("dflex") for name in sys.modules)
    compiler.failure = None
    package.environments()


def test_what_killed_builds_left_is_removed_when_it_is_old(dflex: Path) -> None:
    old, young = dflex / ".building-old", dflex / ".building-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (0.0, 0.0))
    package.environments()
    assert young.exists() and not old.exists()


def test_processes_that_start_together_compile_once(dflex: Path, tmp_path: Path) -> None:
    code = """
import time, torch.utils.cpp_extension
from pathlib import Path
def compiler(name, **options):
    time.sleep(1.0)
    with open("calls", "a") as calls:
        calls.write("x")
torch.utils.cpp_extension.load_inline = compiler
from pwm.envs.dflex import package
package.environments()
"""
    root = Path(kernels.__file__).parents[3]
    environment = {"TORCH_EXTENSIONS_DIR": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = f"{dflex.parent}:{root}"
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment) for _ in range(2)
    ]
    assert [process.wait() for process in started] == [0, 0]
    assert (tmp_path / "calls").read_text() == "x"


def test_the_import_leaves_the_process_as_it_was(dflex: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, printing, gym = list(sys.path), np.get_printoptions(), sys.modules.get("gym")
    package.environments()
    assert (sys.path, np.get_printoptions(), sys.modules.get("gym")) == (path, printing, gym)
    assert capsys.readouterr().out == ""
