"""The report's verdict does not depend on which runs happen to be there."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from pwm.cli import main
from pwm.suite.report import answers, measures, report, runs
from tests.report import synthetic


def rewrite(folder: Path, keep: Any) -> None:
    """Leave those rows of a run that ``keep(row)`` is true of."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows if keep(row)))


def test_learning_rates_are_no_seeds(tmp_path: Path) -> None:
    for seed in range(5):
        synthetic.run(tmp_path, "st_baseline", seed, top=500 + seed)
        synthetic.run(tmp_path, "st_flow_v1", seed, top=900 + seed, overrides=(f"wm_lr={10.0**-seed}",))
    found = runs.collect([tmp_path])
    assert "st_flow_v1" not in found.experiments and "st_flow_v1 [wm_lr=0.1]" in found.experiments
    (problem,) = [text for text in found.problems if "not one sample" in text]
    assert "wm_lr=1.0; wm_lr=0.1" in problem and "none of them is the experiment" in problem
    assert "not known, no pair" in answers.does_flow_help(found).verdict
    text = report.build(found).markdown("figures")
    assert "st_flow_v1 [wm_lr=0.001]" in text and "not one sample" in text


def test_what_deviates_is_told_apart_from_the_sample(tmp_path: Path) -> None:
    for seed in range(3):
        synthetic.run(tmp_path, "st_baseline", seed, top=500 + seed)
        synthetic.run(tmp_path, "st_flow_v1", seed, top=600 + seed)
    alone = measures.compare(runs.collect([tmp_path]), "st_flow_v1", "st_baseline")
    synthetic.run(tmp_path, "st_flow_v1", 3, top=5000, overrides=("wm_lr=0.1",))
    synthetic.run(tmp_path / "more", "st_flow_v1", 0, top=9000, overrides=("wm_lr=0.2",))
    found = runs.collect([tmp_path, tmp_path / "more"])
    pair = measures.compare(found, "st_flow_v1", "st_baseline")
    assert pair is not None and alone is not None and pair.improvement == alone.improvement
    assert "st_flow_v1 [wm_lr=0.2]" in found.experiments
    assert not any("[" in name for name in answers.in_setting(found, "st"))


def test_of_equally_many_the_experiment_as_defined_is_the_sample(tmp_path: Path) -> None:
    synthetic.run(tmp_path, "st_flow_v1", 0, overrides=("gamma=0.9",))
    synthetic.run(tmp_path, "st_flow_v1", 1)
    assert set(runs.collect([tmp_path]).experiments) == {"st_flow_v1", "st_flow_v1 [gamma=0.9]"}


def test_a_log_beside_its_run_folder_is_no_second_run(tmp_path: Path) -> None:
    synthetic.run(tmp_path, "st_baseline")
    log = tmp_path / "train_48M_st_baseline_2314143.out"
    log.write_text("[80/90]  R:9999.00  T:9.0  H:16.0  S:999999  FPS:99\n")
    found = runs.collect([tmp_path], [tmp_path])
    assert [run.path.name for run in found.runs] == ["st_baseline-s0"]
    assert any("left out for the run folder" in problem for problem in found.problems)


@pytest.mark.parametrize("every", [7, 20])
def test_who_logs_more_often_gains_nothing(tmp_path: Path, every: int) -> None:
    for name in ("st_baseline", "st_flow_v1"):
        for seed in range(4):
            folder = synthetic.run(tmp_path, name, seed, noise=0.0, epochs=200)
            chance = random.Random(seed)
            rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
            for row in rows:
                row["R"] = 500 + 100 * chance.gauss(0, 1)
            kept = rows if name == "st_flow_v1" else [row for row in rows if row["epoch"] % every == 0]
            (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in kept))
    pair = measures.compare(runs.collect([tmp_path]), "st_flow_v1", "st_baseline")
    assert pair is not None and pair.improvement.estimate == pytest.approx(0.0, abs=1e-9)


def test_a_run_that_has_only_begun_shortens_nothing(tmp_path: Path) -> None:
    for seed in range(3):
        synthetic.run(tmp_path, "st_baseline", seed, top=500 + seed)
        synthetic.run(tmp_path, "st_flow_v1", seed, top=900 + seed)
    before = measures.compare(runs.collect([tmp_path]), "st_flow_v1", "st_baseline")
    synthetic.run(tmp_path, "st_flow_v1", 3, top=40, epochs=4, max_epochs=60)
    found = runs.collect([tmp_path])
    pair = measures.compare(found, "st_flow_v1", "st_baseline")
    assert before is not None and pair is not None
    assert (pair.improvement, pair.steps, pair.better) == (before.improvement, before.steps, True)
    left_out = "left out, having only begun: st_flow_v1-s3"
    assert left_out in pair.warnings and left_out in answers.does_flow_help(found).weak
    assert answers.recommend(found, "st").verdict == "st_flow_v1."


def test_the_beginning_of_a_training_gives_no_firm_answer(tmp_path: Path) -> None:
    for seed in range(5):
        synthetic.run(tmp_path, "st_baseline", seed, top=500 + seed)
        synthetic.run(tmp_path, "st_flow_v1", seed, top=900 + seed, epochs=6, max_epochs=60)
    found = runs.collect([tmp_path])
    pair = measures.compare(found, "st_flow_v1", "st_baseline")
    assert pair is not None and pair.improvement.known and not pair.known and pair.share == pytest.approx(0.1)
    answer = answers.does_flow_help(found)
    assert "too early to tell, 10% of the training" in answer.verdict
    assert "only 10% of the training can be compared" in answer.weak
    assert answers.recommend(found, "st").verdict.startswith("None yet: 10% of the training")


def test_a_run_that_holds_runs_is_read_and_so_are_they(tmp_path: Path) -> None:
    synthetic.run(tmp_path, "st_baseline").rename(tmp_path / "all")
    synthetic.run(tmp_path / "all", "st_flow_v1")
    found = runs.collect([tmp_path / "all"])
    assert found.experiments == ["st_baseline", "st_flow_v1"]
    found = runs.collect([tmp_path])
    assert any("all: holds runs of its own" in problem for problem in found.problems)


def test_missing_rows_are_noted(tmp_path: Path) -> None:
    often = ("log_every=1",)
    rewrite(synthetic.run(tmp_path, "st_baseline", overrides=often), lambda row: not 20 <= row["epoch"] < 30)
    rewrite(synthetic.run(tmp_path, "st_flow_v1"), lambda row: row["epoch"] % 5 == 0)
    gaps = [problem for problem in runs.collect([tmp_path]).problems if "no rows between" in problem]
    assert gaps == [f"{tmp_path}/st_baseline-s0/metrics.jsonl: no rows between the epochs 19 and 30"]


def test_only_files_of_a_report_are_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthetic.run(tmp_path / "runs", "st_baseline")
    out = tmp_path / "out"
    (out / "figures").mkdir(parents=True)
    mine = out / "figures" / "mine.svg"
    mine.write_text("<svg/>")
    command = ["report", "--runs", str(tmp_path / "runs"), "--out", str(out)]
    assert main(command) == 0
    stale = out / "figures" / "stale.svg"
    stale.write_text((out / "figures" / "cost.svg").read_text())
    assert main(command) == 0
    assert mine.read_text() == "<svg/>" and not stale.exists()
    for name in ("report.md", "report.html", "figures/cost.svg"):
        (out / name).write_text("my own notes")
        capsys.readouterr()
        assert main(command) == 2
        assert f"{name} is of no report: move it away" in capsys.readouterr().err
        assert (out / name).read_text() == "my own notes"
        (out / name).unlink()


DAMAGE: dict[str, Any] = {
    "digits": ("metrics.jsonl", '{"epoch": 61, "R": 1' + 400 * "0" + "}\n"),
    "nesting": ("metrics.jsonl", 200_000 * "[" + "\n"),
    "a huge epoch": ("metrics.jsonl", '{"epoch": 1' + 400 * "0" + ', "R": 5}\n'),
    "text for a number": ("metrics.jsonl", '{"epoch": 61, "max_epochs": "6", "R": "7", "env_steps": "x"}\n'),
    "a truth value": ("metrics.jsonl", '{"epoch": 61, "R": true, "env_steps": true, "max_epochs": true}\n'),
    "overflow": ("metrics.jsonl", '{"epoch": 61, "R": 1e308, "env_steps": 999999}\n'),
    "gpus": ("run.json", '{"starts": [{"hardware": {"gpus": 5}, "git": {"commit": null}, "image": [1]}]}'),
    "starts": ("run.json", '{"starts": [1, null, {"git": 1, "hardware": 2}], "config_hash": {}}'),
    "deep run.json": ("run.json", 200_000 * "["),
    "world model": ("world_model.json", '{"errors": {"4": {"latent": "abc", "reward": 5}}, "substeps": []}'),
    "configuration": ("config.yaml", 3000 * "["),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_one_damaged_run_ends_no_command(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(2):
        synthetic.run(tmp_path / "runs", "st_baseline", seed)
        broken = synthetic.run(tmp_path / "runs", "st_flow_v1", seed)
        name, text = DAMAGE[damage]
        with (broken / name).open("a" if name == "metrics.jsonl" else "w") as file:
            file.write(text.replace("1e308", "-1e308" if seed else "1e308"))
    monkeypatch.chdir(tmp_path)
    for command in (["report"], ["peak-r"], ["suite", "status", "--cluster=local"], ["suite", "sync"]):
        main(command)
        said = capsys.readouterr()
        assert "st_baseline" in said.out or "report.html" in said.out, said
        assert "Traceback" not in said.err


@pytest.mark.parametrize("replaced", ["metrics.jsonl", "train.log", "run.json", "config.yaml", "checkpoints"])
@pytest.mark.parametrize("by", ["a folder", "a link to nothing", "a link to itself"])
def test_a_run_of_which_something_cannot_be_opened_ends_no_command(
    tmp_path: Path,
    replaced: str,
    by: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synthetic.run(tmp_path / "runs", "st_baseline")
    broken = synthetic.run(tmp_path / "runs", "st_flow_v1")
    path = broken / replaced
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    if by == "a folder":
        path.mkdir()
    else:
        path.symlink_to("nothing" if by == "a link to nothing" else replaced)
    monkeypatch.chdir(tmp_path)
    for command in (["report"], ["peak-r"], ["suite", "status", "--cluster=local"], ["suite", "sync"]):
        main(command)
        said = capsys.readouterr()
        assert "st_baseline" in said.out or "report.html" in said.out, said
        assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "name", ["x$\\frac$", "_hidden", "日本", 240 * "n", "a b\tc", "<b>&amp;", "[x]", "%s{}"]
)
def test_a_log_may_be_called_anything(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / f"{name}.out", tmp_path / "st_baseline.out"):
        path.write_text("".join(f"[{e}/9]  R:{e}.00  T:9.0  H:16.0  S:{e}  FPS:9\n" for e in range(1, 9)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["report", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
        assert main(["peak-r", str(tmp_path)]) == 0
    assert name[:30].split("\t")[0] in capsys.readouterr().out
