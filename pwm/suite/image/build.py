"""``pwm image build``: the image of this checkout, or that of the rehearsal's cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.suite import rehearsal
from pwm.suite.image import engine, source

NAME = "pwm"
CPU_BASE = "debian:bookworm-slim"


def run(argv: list[str]) -> int:
    """Build, tag and label; returns the exit code."""
    parser = Parser(prog="pwm image build", description="Build the image of this checkout with Docker.")
    parser.add_argument("--cpu", action="store_true", help=f"without CUDA and dflex, from {CPU_BASE}")
    parser.add_argument("--base", help="another base image; the Dockerfile says what it must be")
    parser.add_argument("--torch-build", help="another build of torch: cpu, cu126, cu129, …")
    parser.add_argument("--arch", help="CUDA architectures, as in TORCH_CUDA_ARCH_LIST (8.9)")
    parser.add_argument(
        "--dflex", type=Path, metavar="FOLDER", help="dflex's source, where pip cannot reach its repository"
    )
    parser.add_argument("--cluster", action="store_true", help="the rehearsal's cluster instead")
    parser.add_argument("--verbose", action="store_true", help="print everything that the build prints")
    arguments = parser.parse_args(argv)
    with engine.client() as docker:
        if arguments.cluster:
            return _cluster(docker, arguments.base, arguments.verbose)
        top = source.checkout()
        dflex = _dflex(arguments.dflex)
        torch_build = arguments.torch_build or ("cpu" if arguments.cpu else default(top, "TORCH_BUILD"))
        base = arguments.base or (CPU_BASE if arguments.cpu else default(top, "BASE_IMAGE"))
        identity = source.identity(top)
        build_arguments = settings(top, identity, torch_build)
        build_arguments |= {"BASE_IMAGE": base, "BASE": engine.base_digest(docker, base)}
        wanted = not arguments.cpu or dflex is not None
        build_arguments["DFLEX"] = "1" if wanted else "0"
        build_arguments["DFLEX_SOURCE"] = _dflex_label(top, dflex) if wanted else "none"
        if arguments.arch:
            build_arguments["TORCH_CUDA_ARCH_LIST"] = arguments.arch
        with source.context(top, dflex) as context:
            names = tags(identity, torch_build)
            identifier = engine.build(docker, context, names, build_arguments, arguments.verbose)
        size = engine.get(docker, identifier).attrs["Size"] / 1e9
    print(f"built {', '.join(names)} ({identifier[:19]}, {size:.2f} GB)")
    return 0


def _cluster(docker: Any, base: str | None, verbose: bool) -> int:
    with source.folder_context(rehearsal.RECIPE) as context:
        settings = {"BASE_IMAGE": base} if base else {}
        identifier = engine.build(docker, context, [rehearsal.IMAGE], settings, verbose)
    print(f"built {rehearsal.IMAGE} ({identifier[:19]})")
    return 0


def settings(top: Path, identity: source.Identity, torch_build: str) -> dict[str, str]:
    """The Dockerfile's arguments, but for those of the base, of dflex and of GPUs."""
    found = any(wheel.name.startswith("torch-") for wheel in source.wheels(top))
    return {
        "TORCH_BUILD": torch_build,
        "TORCH_INDEX": "" if found else f"https://download.pytorch.org/whl/{torch_build}",
        "VERSION": identity.version,
        "COMMIT": identity.commit,
        "SOURCE": identity.source,
        "LOCK": identity.lock,
        "TORCH": f"{source.locked(top, 'torch')}+{torch_build}",
        "CUDA": re.sub(r"^cu(\d+)(\d)$", r"\1.\2", torch_build) if torch_build != "cpu" else "none",
        **source.index_settings(),
    }


def tags(identity: source.Identity, torch_build: str) -> list[str]:
    """``pwm:latest`` and the version's and the commit's tags; those of the CPU image say so."""
    cpu = torch_build == "cpu"
    commit = identity.commit.replace("unknown", "")
    short = commit[:7] + "-dirty" * commit.endswith("-dirty")
    names = [identity.version, f"{identity.version}-{short}"] if short else [identity.version]
    return [f"{NAME}:{'cpu' if cpu else 'latest'}", *(f"{NAME}:{name}{'-cpu' * cpu}" for name in names)]


def default(top: Path, argument: str) -> str:
    """The Dockerfile's default of ``argument``."""
    found = re.search(rf"^ARG {argument}=(\S+)", (top / "Dockerfile").read_text(encoding="utf-8"), re.M)
    if found is None:
        raise UserError(f"the Dockerfile has no default for {argument}")
    return found[1]


def _dflex(folder: Path | None) -> Path | None:
    """What pip installs: ``folder``, or the one around it where it is the package itself."""
    if folder is None:
        return None
    for candidate in (folder, folder.resolve().parent):
        if (candidate / "dflex" / "adjoint.py").is_file() and (candidate / "setup.py").is_file():
            return candidate
    raise UserError(
        f"--dflex {folder} is not dflex's source: it has no setup.py and dflex/adjoint.py; name the folder "
        "dflex of a checkout of DiffRL"
    )


def _dflex_label(top: Path, folder: Path | None) -> str:
    """Which dflex the image holds: the commit that its lock pins, or a folder's, which nobody can tell."""
    if folder is not None:
        return "a folder"
    lock = (top / "pwm" / "suite" / "image" / "dflex.lock").read_text(encoding="utf-8")
    found = re.search(r"^dflex @ git\+\S+@([0-9a-f]{40})#", lock, re.M)
    if found is None:
        raise UserError("dflex.lock pins no commit of dflex")
    return found[1]
