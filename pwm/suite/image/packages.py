"""Install packages into the image by pip. It runs in the image's build, with the standard library alone.

python packages.py locked --torch-build … installs what pyproject.toml asks for, at the versions of
requirements.lock; python packages.py dflex FOLDER the simulator, as dflex.lock pins it.
"""

from __future__ import annotations

import argparse
import os
import re
import site
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

CERTIFICATES, WHEELS, DFLEX = Path("ca.crt"), Path("wheels"), Path("dflex")
"""What the build context brought along, if anything: for pip, and the source of dflex."""


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    packages = commands.add_parser("locked")
    packages.add_argument("--torch-build", required=True, help="cpu, cu126, …")
    packages.add_argument("--torch-index", required=True)
    packages.add_argument("--warp-releases", required=True)
    simulator = commands.add_parser("dflex")
    simulator.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "locked":
        locked(arguments.torch_build, arguments.torch_index, arguments.warp_releases)
    else:
        dflex(arguments.folder)
    pip("check")


def locked(torch_build: str, torch_index: str, warp_releases: str) -> None:
    """Install what pyproject.toml asks for, and its builder, at the versions of requirements.lock."""
    lock = Path("requirements.lock").read_text(encoding="utf-8")
    torch, warp = (re.search(rf"^{name}==(\S+)", lock, re.MULTILINE) for name in ("torch", "warp-lang"))
    assert torch and warp, "requirements.lock has neither torch nor warp-lang"
    # A local version satisfies the lock's pin and sorts above the package index's own build.
    first = [f"torch=={torch[1]}+{torch_build}"]
    if torch_build.startswith("cu12") and warp_releases:
        name = f"warp_lang-{warp[1]}+cu12-py3-none-manylinux_2_28_x86_64.whl"
        first.append(f"warp-lang @ {warp_releases}/v{warp[1]}/{name}")
    index = ["--extra-index-url", torch_index] if torch_index else []
    pip("install", "--constraint", "requirements.lock", *index, *first)
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    optional = project["project"]["optional-dependencies"]["dmcontrol"]
    wanted = [*project["project"]["dependencies"], *optional, *project["build-system"]["requires"]]
    pip("install", "--constraint", "requirements.lock", *wanted)


def dflex(folder: Path) -> None:
    """Install what dflex.lock pins: dflex itself into ``folder``, which is put on the path, so that the
    kernels which it compiles into its package can be replaced without copying all packages again."""
    lines = Path("dflex.lock").read_text(encoding="utf-8").splitlines()
    requirements = [line for line in lines if re.match(r"\w", line)]
    (itself,) = (line for line in requirements if line.startswith("dflex @"))
    requirements.remove(itself)
    pip("install", "--constraint", "requirements.lock", *requirements)
    source = str(DFLEX.resolve()) if DFLEX.is_dir() else itself
    pip("install", "--no-deps", "--target", str(folder), source)
    (Path(site.getsitepackages()[0]) / "dflex.pth").write_text(f"{folder}\n", encoding="utf-8")


def pip(command: str, *arguments: str) -> None:
    """Run pip with what the build context brought along for it."""
    environment = dict(os.environ)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        if not environment.get(name):
            environment.pop(name, None)
    if CERTIFICATES.exists():
        environment["PIP_CERT"] = environment["GIT_SSL_CAINFO"] = str(CERTIFICATES.resolve())
    if WHEELS.exists():
        environment["PIP_FIND_LINKS"] = str(WHEELS.resolve())
    subprocess.run([sys.executable, "-m", "pip", command, *arguments], env=environment, check=True)


if __name__ == "__main__":
    main()
