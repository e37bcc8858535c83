"""The script for a GPU, tried end to end on the CPU, small."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from pwm.cli import main
from pwm.commands import gpu


def test_everything_is_measured_and_kept_and_what_is_done_is_not_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("tests", "speed st_baseline bf16", "speed st_flow_v2 float32", "envs", "learn st_baseline simnorm")
    monkeypatch.setattr(gpu, "plan", lambda: {part: 20.0 if "learn" in part else 200.0 for part in few})
    command = ["gpu", "--tiny", "--minutes=15", f"--out={tmp_path / 'gpu'}"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "5 of 5 parts" in said, said
    results = json.loads((tmp_path / "gpu" / "gpu.json").read_text())
    assert "skipped" in results["tests"]["summary"] or "passed" in results["tests"]["summary"]
    assert results["speed st_baseline bf16"]["epoch_s"] > 0
    assert set(results["envs"]["steps_per_s"]) == {"8", "16"}
    curve = results["learn st_baseline simnorm"]["curve"]
    assert curve[-1]["env_steps"] > 0 and "latent_spread" in curve[-1]
    page = (tmp_path / "gpu" / "gpu.md").read_text()
    assert "| st_flow_v2 | float32 |" in page and "| env_steps |" in page
    (tmp_path / "gpu" / "parts" / "envs.json").write_text('{"error": "the card was taken away"}')
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.count("done before") == 4 and "envs: done (" in said


def test_a_part_that_fails_is_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "plan", lambda: {"speed st_nothing bf16": 60.0, "dflex": 60.0, "envs": 60.0})
    assert main(["gpu", "--tiny", "--minutes=5", f"--out={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "speed st_nothing bf16: pwm: error: unknown part" in said and "of 3 parts" in said
    if find_spec("dflex") is None:
        assert "dflex: pwm: error: the simulator dflex is not installed here" in said
    assert "**pwm: error: unknown part" in (tmp_path / "gpu.md").read_text()


def test_without_time_nothing_is_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpu", "--tiny", "--minutes=0.01", f"--out={tmp_path}"]) == 0
    assert f"0 of {len(gpu.plan())} parts" in capsys.readouterr().out
    assert main(["gpu", "--minutes=0"]) == 2


def test_the_whole_plan_fits_into_its_minutes() -> None:
    limits = gpu.plan()
    assert next(iter(limits)) == "tests"
    assert sum(limits.values()) < 9 * 60
