"""Without Docker, one line says what is missing; the recipes are clean."""

from __future__ import annotations

import subprocess

import pytest

from pwm import cli
from pwm.suite.image import build, source
from tests.tools import tool

TOP = source.checkout()
SCRIPTS = ["pwm/suite/image/entrypoint.sh", "pwm/suite/rehearsal/entrypoint.sh", ".ci/run", ".ci/images"]


@pytest.mark.parametrize("command", [["build"], ["sif"], ["inspect"], ["verify", "pwm:cpu"]])
def test_without_docker_a_line_says_how_to_get_it(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert cli.main(["image", *command]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install docker.io" in line


def test_an_unknown_command_is_answered_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["image", "bild"]) == 2
    assert "choose one of build, inspect, sif, verify" in capsys.readouterr().err


def test_the_default_base_is_pinned_by_digest() -> None:
    name, _, digest = build.default(TOP, "BASE_IMAGE").partition("@sha256:")
    assert "devel" in name
    assert len(digest) == 64


@pytest.mark.parametrize("path", ["Dockerfile", "pwm/suite/rehearsal/Dockerfile"])
def test_hadolint_finds_nothing(path: str) -> None:
    done = subprocess.run([tool("hadolint"), path], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SCRIPTS)
def test_shellcheck_finds_nothing(path: str) -> None:
    done = subprocess.run([tool("shellcheck"), path], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
