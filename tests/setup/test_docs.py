"""The documents say what the code does."""

import re
from pathlib import Path

import pytest

from pwm.config.compose import compose
from pwm.suite import experiments

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]


def test_the_table_of_experiments_is_the_configuration() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    keys = next(cells(line) for line in lines if "task_dim" in line)[1:]
    rows = {cells(line)[0]: cells(line)[1:] for line in lines}
    for name in [*experiments.names(), "mt_baseline_matched"]:
        config = compose([f"alg={name}"])
        values = [getattr(config, key) for key in keys]
        assert rows[name] == ["–" if value is None else str(value) for value in values]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_overrides_shown_are_understood(document: Path) -> None:
    for arguments in re.findall(r"pwm train ((?:[\w.]+=\S+ ?)+)", document.read_text()):
        if "<" not in arguments:
            compose([argument.rstrip("`") for argument in arguments.split()])
