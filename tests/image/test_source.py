"""An image knows what it was built from, and `verify` says what differs."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from pwm.suite.image import build, source, verify
from pwm.suite.image.source import Identity

TOP = source.checkout()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small checkout, committed."""
    top = tmp_path / "checkout"
    for name in source.FILES:
        (top / name).parent.mkdir(exist_ok=True, parents=True)
        shutil.copy(TOP / name, top / name)
    for folder in source.FOLDERS:
        (top / folder).mkdir()
        (top / folder / "file").write_text("content")
    git(top, "init", "--quiet")
    commit(top)
    return top


def git(top: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(top), *identity, *words], check=True)


def commit(top: Path) -> None:
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message=all")


def labels(identity: Identity) -> dict[str, str]:
    return {label: getattr(identity, name) for name, label in verify.LABELS.items()}


def test_an_image_of_this_checkout_has_no_differences(checkout: Path) -> None:
    assert verify.differences(labels(source.identity(checkout)), checkout) == []


def test_a_changed_file_is_named(checkout: Path) -> None:
    before = labels(source.identity(checkout))
    (checkout / "pwm" / "file").write_text("another")
    found = verify.differences(before, checkout)
    assert any(line.startswith("commit:") and line.endswith("-dirty") for line in found)
    assert any(line.startswith("source:") for line in found)
    assert not any(line.startswith("lock:") for line in found)
    assert found[-1] == "changed since: pwm/file"


def test_another_lock_is_a_difference(checkout: Path) -> None:
    before = labels(source.identity(checkout))
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# another\n")
    commit(checkout)
    found = verify.differences(before, checkout)
    assert {line.partition(":")[0] for line in found} == {"commit", "source", "lock", "changed since"}


def test_an_image_of_someone_else_differs_in_everything(checkout: Path) -> None:
    found = verify.differences({}, checkout)
    assert [line.partition(":")[0] for line in found] == list(verify.LABELS)


def test_files_outside_the_image_do_not_change_it(checkout: Path) -> None:
    before = source.identity(checkout)
    (checkout / "notes").write_text("mine")
    assert source.identity(checkout) == before


def test_the_context_is_the_image_s_files_and_what_pip_needs_here(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    version = source.locked(checkout, "torch")
    wanted = f"torch-{version}+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
    for name in (wanted, "torch-1.0-cp311-cp311-any.whl", "secret.txt"):
        (wheels / name).write_text("")
    (tmp_path / "ca.pem").write_text("certificates")
    (checkout / ".env").write_text("WANDB_API_KEY=secret")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "ca.pem"))
    with source.context(checkout, None) as archive, tarfile.open(fileobj=archive) as tar:
        names = {item.name for item in tar}
        assert {item.uid for item in tar} == {0}
    here = {*source.FILES, "configs/file", "pwm/file"}
    assert names == here | {"image-inputs/ca.crt", f"image-inputs/wheels/{wanted}"}
    identity = source.identity(checkout)
    assert build.settings(checkout, identity, "cpu")["TORCH_INDEX"] == ""
    monkeypatch.delenv("PIP_FIND_LINKS")
    assert build.settings(checkout, identity, "cu126")["TORCH_INDEX"].endswith("/cu126")


def test_tags_say_version_commit_and_that_it_is_for_cpus() -> None:
    clean = Identity("1.2", "0123456789abcdef", "", "")
    assert build.tags(clean, "cu126") == ["pwm:latest", "pwm:1.2", "pwm:1.2-0123456"]
    dirty = Identity("1.2", "0123456789abcdef-dirty", "", "")
    assert build.tags(dirty, "cpu") == ["pwm:cpu", "pwm:1.2-cpu", "pwm:1.2-0123456-dirty-cpu"]


def test_the_labels_of_torch_and_cuda_are_what_is_installed() -> None:
    settings = build.settings(TOP, source.identity(TOP), "cu126")
    assert settings["TORCH"] == f"{source.locked(TOP, 'torch')}+cu126"
    assert settings["CUDA"] == "12.6"
    assert build.settings(TOP, source.identity(TOP), "cpu")["CUDA"] == "none"
