"""``pwm image inspect`` and ``verify``: what an image says of itself, and whether that is this checkout."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.files import sha256
from pwm.suite.image import apptainer, engine, source

MAGIC, HEADER = b"SIF_MAGIC", 64
"""What the first bytes of a SIF hold, after the line that makes it executable."""
LABELS = {
    "version": "org.opencontainers.image.version",
    "commit": "org.opencontainers.image.revision",
    "source": "pwm.source",
    "lock": "pwm.lock",
}
OTHERS = {
    "base": "org.opencontainers.image.base.name",
    "torch": "pwm.torch",
    "cuda": "pwm.cuda",
    "dflex": "pwm.dflex",
}


def inspect(argv: list[str]) -> int:
    """Print what the image says of itself; returns the exit code."""
    about, labels = _read(_name("inspect", argv))
    rows = about | {name: labels.get(label, "-") for name, label in {**LABELS, **OTHERS}.items()}
    for name, value in rows.items():
        print(f"{name:<8} {value}")
    return 0


def verify(argv: list[str]) -> int:
    """Say whether the image was built from this checkout, and what differs; returns 0 if it was, else 1."""
    name = _name("verify", argv)
    found = differences(_read(name)[1], source.checkout())
    print("\n".join(found) if found else f"{name} was built from this commit and this lock")
    return 1 if found else 0


def _read(name: str) -> tuple[dict[str, str], dict[str, str]]:
    """What there is to say of the image ``name``, a file or one of Docker's, and its labels.

    Raises:
        UserError: there is none, or a file is no SIF.
    """
    path = Path(name)
    if path.suffix == ".sif" or path.is_file():
        return _read_sif(path)
    with engine.client() as docker:
        image = engine.get(docker, name)
        labels, attributes = image.labels, image.attrs
    size = f"{attributes['Size'] / 1e9:.2f} GB"
    return {"id": image.id, "created": attributes["Created"], "size": size}, labels


def _read_sif(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Of a SIF, whose labels are those of the image that it was made from."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER)
        digest, stat = sha256(path), path.stat()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; `make sif` builds pwm.sif") from error
    if MAGIC not in head:
        raise UserError(f"{path} is not a SIF; name one that `make sif` built, or an image of Docker")
    try:
        answer = json.loads(apptainer.call(["inspect", "--json", "--labels", path.name], path.parent))
        labels = answer["data"]["attributes"]["labels"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: apptainer inspect says nothing of labels; is it a SIF of pwm?") from error
    created = datetime.fromtimestamp(stat.st_mtime, timezone.utc).isoformat(timespec="seconds")
    about = {"id": f"sha256:{digest}", "created": created, "size": f"{stat.st_size / 1e9:.2f} GB"}
    return about, {str(key): str(value) for key, value in labels.items()}


def differences(labels: dict[str, str], top: Path) -> list[str]:
    """What an image with ``labels`` does not share with the checkout ``top``, one line each."""
    identity = source.identity(top)
    found = [
        f"{name}: the image has {_short(labels.get(label))}, this checkout {_short(getattr(identity, name))}"
        for name, label in LABELS.items()
        if labels.get(label) != getattr(identity, name)
    ]
    commit = labels.get(LABELS["commit"], "unknown")
    if found and commit != "unknown" and not commit.endswith("-dirty"):
        found += [f"changed since: {path}" for path in source.changed_since(top, commit)]
    return found


def _short(value: str | None) -> str:
    if value is None:
        return "none"
    digest, dash, dirty = value.partition("-")
    return digest[:12] + dash + dirty


def _name(command: str, argv: list[str]) -> str:
    parser = Parser(prog=f"pwm image {command}", description=f"{command} an image of Docker, or a SIF.")
    parser.add_argument("image", nargs="?", default="pwm:latest", help="its name (pwm:latest), or a file")
    return str(parser.parse_args(argv).image)
