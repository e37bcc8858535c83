"""The SIF trains as on a cluster: Apptainer, no root, a read-only image, a bound folder, stopped and resumed.

Needs what `.ci/images` builds, and skips where that is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwm import cli
from pwm.run.signals import STOPPED
from pwm.suite import rehearsal
from pwm.suite.image import source

SIF = source.checkout() / "pwm.sif"
CPU_IMAGE = "pwm:cpu"
# One group: the tests share two containers' worth of cores.
pytestmark = pytest.mark.xdist_group("image")

TRAIN = "train alg=mt_flow_v3 scale=demo num_envs=16 max_epochs=8 device=cpu threads=1 run=/runs/a"
RUN = "apptainer --silent run -u --bind /work/runs:/runs pwm.sif"
STOP_MIDWAY = f"""
{RUN} {TRAIN} &
until [ "$(cat runs/a/metrics.jsonl 2> /dev/null | wc -l)" -ge 2 ]; do
    kill -0 $! || exit 1
    sleep 0.2
done
kill -TERM $!
wait $!
"""


def docker(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["docker", *words], capture_output=True, text=True)
    if check and done.returncode:
        pytest.fail(f"docker {' '.join(words)}: {done.stdout}{done.stderr}")
    return done


@pytest.fixture(scope="module")
def images() -> None:
    if shutil.which("docker") is None or docker("info", check=False).returncode:
        pytest.skip("needs a Docker engine")
    for name in (rehearsal.IMAGE, CPU_IMAGE):
        if docker("image", "inspect", name, check=False).returncode:
            pytest.skip(f"needs the image {name}: .ci/images builds it")


class Node:
    """A container with Apptainer, in which an ordinary user works in the folder ``work``."""

    def __init__(self, name: str, work: Path) -> None:
        self.name, self.work = name, work

    def shell(self, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["exec", "--user=user", "--workdir=/work", self.name, "bash", "-c", script]
        return docker(*command, check=check)


@pytest.fixture(scope="module")
def node(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    if not SIF.is_file():
        pytest.skip("needs pwm.sif: .ci/images builds it")
    work = tmp_path_factory.mktemp("node")
    for folder in (work, work.parent, work.parent.parent):
        folder.chmod(0o755)
    (work / "runs").mkdir()
    (work / "runs").chmod(0o777)
    work.chmod(0o777)
    name = f"pwm-test-{uuid.uuid4().hex[:8]}"
    docker(
        "run", "--detach", f"--name={name}", "--init", "--network=none", "--device=/dev/fuse",
        "--security-opt=seccomp=unconfined", "--security-opt=systempaths=unconfined",
        f"--volume={work}:/work", f"--volume={SIF}:/work/pwm.sif:ro", "--entrypoint=sleep",
        rehearsal.IMAGE, "infinity",
    )  # fmt: skip
    try:
        docker("exec", name, "chmod", "666", "/dev/fuse")
        yield Node(name, work)
    finally:
        docker("exec", name, "chown", "-R", f"{os.getuid()}:{os.getgid()}", "/work", check=False)
        docker("rm", "--force", "--volumes", name, check=False)


def test_stopped_midway_and_resumed(node: Node) -> None:
    first = node.shell(STOP_MIDWAY, check=False)
    assert first.returncode == STOPPED, first.stdout + first.stderr
    assert len(epochs(node)) < 8
    second = node.shell(f"{RUN} {TRAIN}")
    assert "resuming" in second.stdout
    assert epochs(node) == list(range(1, 9))
    starts = json.loads((node.work / "runs" / "a" / "run.json").read_text())["starts"]
    assert len(starts) == 2
    assert {start["image"]["lock"] for start in starts} == {locked()}
    assert {start["image"]["sif_sha256"] for start in starts} == {sha256(SIF)}


def epochs(node: Node) -> list[int]:
    lines = (node.work / "runs" / "a" / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["epoch"] for line in lines]


def locked() -> str:
    """The lock of the image that the SIF was made from."""
    image = json.loads(docker("image", "inspect", CPU_IMAGE).stdout)[0]
    return str(image["Config"]["Labels"]["pwm.lock"])


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_its_own_test_passes(node: Node) -> None:
    assert "pwm image test passed" in node.shell("apptainer test -u pwm.sif").stdout


def test_its_kernels_are_prebuilt_and_the_image_is_read_only(node: Node) -> None:
    # What the first start leaves in the cache is what came with the image: nothing was compiled.
    same = "diff -r /opt/pwm/warp /tmp/kernels/warp && ! touch /opt/pwm/new 2> /dev/null && echo as built"
    train = "pwm train alg=mt_flow_v3 scale=demo num_envs=16 max_epochs=1 device=cpu run=/tmp/kernels/run"
    script = f"PWM_CACHE=/tmp/kernels {train} > /dev/null && {same}"
    done = node.shell(f"apptainer --silent exec -u pwm.sif bash -c '{script}'")
    assert "as built" in done.stdout


def test_it_says_how_to_be_used(node: Node) -> None:
    said = node.shell("apptainer run-help pwm.sif; apptainer inspect pwm.sif").stdout
    assert "train alg=mt_flow_v3" in said
    assert f"pwm.lock: {locked()}" in said


def test_inspect_and_verify_say_of_the_sif_what_they_say_of_its_image(
    images: None, capsys: pytest.CaptureFixture[str]
) -> None:
    if not SIF.is_file():
        pytest.skip("needs pwm.sif: .ci/images builds it")
    said, codes = [], []
    for name in (CPU_IMAGE, str(SIF)):
        assert cli.main(["image", "inspect", name]) == 0
        rows = capsys.readouterr().out.splitlines()
        said.append([row for row in rows if row.split()[0] not in ("id", "created", "size")])
        codes.append(cli.main(["image", "verify", name]))
        said[-1] += [line for line in capsys.readouterr().out.splitlines() if "built from" not in line]
    assert said[0] == said[1] and codes[0] == codes[1]


def test_every_user_id_runs_the_docker_image(images: None) -> None:
    done = docker("run", "--rm", "--read-only", "--tmpfs=/tmp", "--user=12345:12345", CPU_IMAGE, "--version")
    assert done.stdout.startswith("pwm ")


def test_the_image_holds_no_secret_of_the_machine_that_built_it(images: None) -> None:
    history = docker("history", "--no-trunc", "--format={{.CreatedBy}}", CPU_IMAGE).stdout
    assert "PIP_INDEX_URL" not in history
    listing = "find / -xdev -name ca.crt -o -name image-inputs -o -name pip.conf 2> /dev/null || true"
    assert docker("run", "--rm", "--entrypoint=bash", CPU_IMAGE, "-c", listing).stdout == ""
