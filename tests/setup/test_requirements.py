"""The lock file belongs to pyproject.toml and suits every build of torch."""

import re
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def locked() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if re.match(r"\w", line)]


def declared() -> list[Requirement]:
    """The requirements in pyproject.toml; Python 3.10 has no parser for it."""
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|test) = \[(.*?)\]$", text, re.M | re.S)
    assert len(lists) == 2
    return [Requirement(found) for found in re.findall(r'"([^"]+)"', "".join(lists))]


def applies(marker: Marker | None, python: str) -> bool:
    environment = {"python_full_version": f"{python}.7", "python_version": python, "sys_platform": "linux"}
    return marker is None or marker.evaluate(environment)


def test_every_requirement_has_one_fitting_pin_per_python() -> None:
    for requirement in declared():
        for python in ("3.10", "3.11"):
            pins = [
                pin
                for pin in locked()
                if pin.name == requirement.name.lower() and applies(pin.marker, python)
            ]
            assert len(pins) == 1, (requirement, python)
            (specifier,) = pins[0].specifier
            assert specifier.operator == "=="
            assert requirement.specifier.contains(specifier.version)


def test_torch_is_pinned_and_its_cuda_packages_are_not() -> None:
    names = [pin.name for pin in locked()]
    assert "torch==2.13.0" in [str(pin) for pin in locked()]
    assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]
