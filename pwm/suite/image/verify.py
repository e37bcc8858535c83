"""``pwm image inspect`` and ``verify``: what an image says of itself, and whether that is this checkout."""

from __future__ import annotations

from pathlib import Path

from pwm.arguments import Parser
from pwm.suite.image import engine, source

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
    with engine.client() as docker:
        image = engine.get(docker, _name("inspect", argv))
        labels, attributes = image.labels, image.attrs
    rows = {"id": image.id, "created": attributes["Created"], "size": f"{attributes['Size'] / 1e9:.2f} GB"}
    rows |= {name: labels.get(label, "-") for name, label in {**LABELS, **OTHERS}.items()}
    for name, value in rows.items():
        print(f"{name:<8} {value}")
    return 0


def verify(argv: list[str]) -> int:
    """Say whether the image was built from this checkout, and what differs; returns 0 if it was, else 1."""
    name = _name("verify", argv)
    with engine.client() as docker:
        labels = engine.get(docker, name).labels
    found = differences(labels, source.checkout())
    print("\n".join(found) if found else f"{name} was built from this commit and this lock")
    return 1 if found else 0


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
    parser = Parser(prog=f"pwm image {command}", description=f"{command} an image of Docker.")
    parser.add_argument("image", nargs="?", default="pwm:latest", help="its name (pwm:latest)")
    return str(parser.parse_args(argv).image)
