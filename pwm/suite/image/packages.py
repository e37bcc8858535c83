"""Install the locked packages into the image. It runs in the build, with the standard library alone."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

INPUTS = Path("ca.crt"), Path("wheels")


def main() -> None:
    """Install what pyproject.toml asks for, and its builder, at the versions of requirements.lock."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch-build", required=True, help="cpu, cu126, …")
    parser.add_argument("--torch-index", required=True)
    parser.add_argument("--warp-releases", required=True)
    arguments = parser.parse_args()
    lock = Path("requirements.lock").read_text(encoding="utf-8")
    torch, warp = (re.search(rf"^{name}==(\S+)", lock, re.MULTILINE) for name in ("torch", "warp-lang"))
    assert torch and warp, "requirements.lock has neither torch nor warp-lang"
    # A local version satisfies the lock's pin and sorts above the package index's own build.
    first = [f"torch=={torch[1]}+{arguments.torch_build}"]
    if arguments.torch_build.startswith("cu12") and arguments.warp_releases:
        name = f"warp_lang-{warp[1]}+cu12-py3-none-manylinux_2_28_x86_64.whl"
        first.append(f"warp-lang @ {arguments.warp_releases}/v{warp[1]}/{name}")
    index = ["--extra-index-url", arguments.torch_index] if arguments.torch_index else []
    pip("install", "--constraint", "requirements.lock", *index, *first)
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    pip("install", "--constraint", "requirements.lock", *wanted)
    pip("check")


def pip(command: str, *arguments: str) -> None:
    """Run pip with what the build context brought along for it."""
    certificates, wheels = INPUTS
    environment = dict(os.environ)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        if not environment.get(name):
            environment.pop(name, None)
    if certificates.exists():
        environment["PIP_CERT"] = str(certificates.resolve())
    if wheels.exists():
        environment["PIP_FIND_LINKS"] = str(wheels.resolve())
    subprocess.run([sys.executable, "-m", "pip", command, *arguments], env=environment, check=True)


if __name__ == "__main__":
    main()
