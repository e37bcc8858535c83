"""What `pwm image inspect` and `verify` say of a SIF, with a stand-in for Apptainer."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from pwm import cli
from pwm.suite.image import source, verify


@pytest.fixture
def sif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that begins as a SIF does, and an Apptainer that reads labels from the file beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    answer = shlex.quote(str(tmp_path / "answer"))
    (programs / "apptainer").write_text(f'#!/bin/bash\necho "$@" > {answer}.call\ncat {answer}\n')
    (programs / "apptainer").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")  # Docker is not needed
    path = tmp_path / "my image.sif"
    path.write_bytes(b"#!/usr/bin/env run-singularity\n\0SIF_MAGIC\x0001\0" + bytes(100))
    identity = source.identity(source.checkout())
    label(tmp_path, {label: getattr(identity, name) for name, label in verify.LABELS.items()})
    return path


def label(folder: Path, labels: dict[str, str]) -> None:
    content = {"data": {"attributes": {"labels": labels}}, "type": "container"}
    (folder / "answer").write_text(json.dumps(content))


def test_it_is_inspected_as_an_image_is(sif: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["image", "inspect", str(sif)]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["lock"] == source.identity(source.checkout()).lock
    assert rows["id"].startswith("sha256:") and rows["torch"] == "-"
    assert (sif.parent / "answer.call").read_text().split()[-2:] == ["my", "image.sif"]


def test_it_is_verified_against_this_checkout(sif: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["image", "verify", str(sif)]) == 0
    label(sif.parent, {"pwm.lock": "0123456789abcdef"})
    assert cli.main(["image", "verify", str(sif)]) == 1
    assert "lock: the image has 0123456789ab, this checkout" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"", "is not a SIF"), (b"\x89PNG" + bytes(200), "is not a SIF")],
)
def test_what_is_no_sif_is_named(
    tmp_path: Path, content: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.sif"
    if content is not None:
        path.write_bytes(content)
    for command in ("inspect", "verify"):
        assert cli.main(["image", command, str(path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line and str(path) in line


def test_an_apptainer_that_says_nothing_of_labels_is_told(
    sif: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sif.parent / "answer").write_text("{}")
    assert cli.main(["image", "inspect", str(sif)]) == 2
    assert "says nothing of labels" in capsys.readouterr().err
