"""``pwm image sif``: the image as one file for Apptainer.

Apptainer builds it where it is installed, else the one in the container of the rehearsal's cluster does;
neither needs to be root.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.suite.image import apptainer, engine, source

ARCHIVE = "image.tar"
# zstd: a tenth of gzip's time to compress and faster to read; kernels since 4.14 and squashfuse know it.
COMPRESSION = ("--mksquashfs-args", "-comp zstd -Xcompression-level 6")


def run(argv: list[str]) -> int:
    """Build the SIF; returns the exit code."""
    parser = Parser(prog="pwm image sif", description="Turn an image of Docker into a SIF.")
    parser.add_argument("--image", default="pwm:latest", help="the image (pwm:latest)")
    parser.add_argument("--output", type=Path, default=Path("pwm.sif"), help="the file (pwm.sif)")
    arguments = parser.parse_args(argv)
    recipe = source.checkout() / "apptainer.def"
    output: Path = arguments.output.absolute()
    if not output.parent.is_dir():
        raise UserError(f"there is no folder {output.parent}")
    began = time.monotonic()
    with engine.client() as docker, tempfile.TemporaryDirectory(dir=output.parent, prefix=".sif-") as name:
        folder = Path(name)
        folder.chmod(0o777)  # inside the container it is another user's
        print(f"Saving {arguments.image}.", flush=True)
        engine.save(docker, arguments.image, folder / ARCHIVE)
        shutil.copy(recipe, folder)
        for path in folder.iterdir():
            path.chmod(0o644)
        print("Building the SIF.", flush=True)
        user = "1000:1000" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"
        apptainer.call(words(), folder, user)  # refuses to be root in a container
        built = folder / "pwm.sif"
        shutil.copyfile(built, output.with_name(f"{output.name}.tmp"))
        os.replace(output.with_name(f"{output.name}.tmp"), output)
        output.chmod(0o755)
    size = output.stat().st_size / 1e9
    print(f"built {arguments.output} ({size:.2f} GB, {time.monotonic() - began:.0f} s)")
    return 0


def words() -> list[str]:
    """What Apptainer is told, in a folder that holds the archive and the recipe. Its test asks for a machine
    that may mount the image: `apptainer test pwm.sif`."""
    return [
        "build", "--notest", "--force", *COMPRESSION,
        "--build-arg", "bootstrap=docker-archive", "--build-arg", f"from={ARCHIVE}",
        "pwm.sif", "apptainer.def",
    ]  # fmt: skip
