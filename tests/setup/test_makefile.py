"""What `make` installs and when, with a stand-in for Python, its venv module and pip."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")

# Logs what it is asked to install; a file named after a failure makes it fail in that way.
PYTHON = """#!/bin/sh
case "$*" in
*version_info*) test ! -e wrong_version ;;
*ensurepip*) test ! -e no_venv_module ;;
"-c import pwm") test ! -e broken ;;
"-m venv --clear .venv") rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python && rm -f broken ;;
*pip*install*--index-url*) echo cpu >> log && test ! -e unreachable ;;
*pip*install*--requirement*) echo lock >> log && test ! -e interrupted ;;
*pip*install*--editable*) echo pwm >> log ;;
*) echo "ran $*" ;;
esac
"""


class Checkout:
    """A folder with the Makefile, in which :attr:`PYTHON` stands for every interpreter."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.driver = ""
        for name in ("Makefile", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / name, path / name)
        python = path / "python"
        python.write_text(PYTHON)
        python.chmod(0o755)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))
        }
        command = ["make", f"PYTHON={self.path / 'python'}", f"NVIDIA={self.driver}", *arguments]
        return subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True)

    def installed(self, *arguments: str) -> list[str]:
        """What `make` installed."""
        log = self.path / "log"
        log.unlink(missing_ok=True)
        assert self.make(*arguments or ("bench",)).returncode == 0
        return log.read_text().split() if log.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_installs_once_and_then_only_runs(checkout: Checkout) -> None:
    assert checkout.installed() == ["cpu", "lock", "pwm"]
    assert checkout.installed("demo") == []
    assert checkout.make("demo").stdout == "ran -m pwm suite demo\n"
    assert checkout.make("peak-r", "LOGS=from here").stdout == "ran -m pwm peak-r --logs=from here\n"


@pytest.mark.parametrize(
    "value", ["/tmp/it's", '"', "$(shell touch hacked)", "a;touch hacked", "`touch hacked`", "-x"]
)
@pytest.mark.parametrize(
    ("target", "name", "flag"),
    [
        ("peak-r", "LOGS", "--logs="), ("peak-r", "RUNS", "--runs="), ("report", "OUT", "--out="),
        ("report", "LOGS", "--logs="), ("sync", "RUNS", ""), ("sweep", "SWEEP", ""),
        ("jobs", "CLUSTER", "--cluster="), ("submit", "SEEDS", "--seeds="),
    ],
)  # fmt: skip
def test_no_value_of_a_user_is_read_by_a_shell(
    checkout: Checkout, target: str, name: str, flag: str, value: str
) -> None:
    checkout.installed()
    made = value.replace("$", "$$")
    assert f"{flag}{value}" in checkout.make(target, f"{name}={made}").stdout
    assert not (checkout.path / "hacked").exists()


@pytest.mark.parametrize(
    ("value", "dry"), [("1", True), ("yes", True), ("0", False), ("", False), ("no", False)]
)
def test_a_dry_run_is_one_where_it_is_asked_for(checkout: Checkout, value: str, dry: bool) -> None:
    checkout.installed()
    for target in ("submit", "submit-mt", "sweep"):
        assert ("--dry-run" in checkout.make(target, f"DRY_RUN={value}").stdout) == dry


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_installs_again_when_a_requirement_changed(checkout: Checkout, name: str) -> None:
    checkout.installed()
    (checkout.path / name).touch()
    with (checkout.path / name).open("a") as file:
        file.write("# changed\n")
    assert checkout.installed() == ["cpu", "lock", "pwm"]


def test_a_new_time_stamp_alone_changes_nothing(checkout: Checkout) -> None:
    checkout.installed()
    (checkout.path / "requirements.lock").touch()
    assert checkout.installed() == []


def test_an_interrupted_installation_is_done_again(checkout: Checkout) -> None:
    (checkout.path / "interrupted").touch()
    assert checkout.make("bench").returncode != 0
    (checkout.path / "interrupted").unlink()
    assert checkout.installed() == ["cpu", "lock", "pwm"]


def test_a_broken_installation_is_done_again(checkout: Checkout) -> None:
    checkout.installed()
    (checkout.path / "broken").touch()
    assert checkout.installed() == ["cpu", "lock", "pwm"]


def test_a_cpu_build_out_of_reach_is_no_failure(checkout: Checkout) -> None:
    (checkout.path / "unreachable").touch()
    assert checkout.installed() == ["cpu", "lock", "pwm"]


def test_with_a_driver_the_cpu_build_is_not_asked_for(checkout: Checkout) -> None:
    checkout.driver = "/usr/bin/nvidia-smi"
    assert checkout.installed() == ["lock", "pwm"]


@pytest.mark.parametrize(
    ("missing", "words"), [("wrong_version", "3.11"), ("no_venv_module", "python3-venv")]
)
def test_what_is_missing_is_named_in_one_line(checkout: Checkout, missing: str, words: str) -> None:
    (checkout.path / missing).touch()
    result = checkout.make("test")
    assert result.returncode != 0
    message, *rest = result.stderr.splitlines()
    assert words in message
    assert all(line.startswith("make: ***") for line in rest)
    assert result.stdout == ""


def test_help_lists_every_target(checkout: Checkout) -> None:
    listed = {line.split()[0] for line in checkout.make().stdout.splitlines()}
    assert {"demo", "test", "lint", "bench", "peak-r"} <= listed
