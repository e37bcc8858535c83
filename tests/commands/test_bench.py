from __future__ import annotations

import json
from pathlib import Path

import pytest

from pwm.cli import main


def test_it_measures_every_part_and_writes_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "bench.json"
    sizes = ["size=tiny", "num_envs=16", "wm_batch_size=16", "horizon=4", "wm_updates=1", "critic_passes=1"]
    assert main(["bench", "--repeats", "1", "--json", str(out), "alg=st_flow_v1", *sizes]) == 0
    table = capsys.readouterr().out
    assert "env steps/s" in table and "st_flow_v1" in table
    (row,) = json.loads(out.read_text())["rows"]
    measured = {
        *("env_steps_per_s", "world_model_ms", "actor_ms", "critic_ms", "epoch_s", "world_model_gflop"),
        *("world_model_gflops_per_s", "matmul_gflops_per_s", "peak_memory_mb"),
    }
    assert measured <= set(row) and all(row[key] > 0 for key in measured)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [(["--repeats", "0"], "--repeats 0: expected at least 1"), (["--json", "/no/x"], "cannot write /no/x")],
)
def test_a_bad_option_is_one_line_before_anything_is_measured(
    flags: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *flags]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
