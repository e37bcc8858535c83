"""The report on suites whose truth is known, and on input in any condition."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pwm.cli import main
from pwm.suite.report import answers, figures, measures, report, runs
from tests.report import synthetic


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seeds of all eight."""
    return synthetic.suite(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def written(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    assert main(["report", "--runs", str(whole), "--out", str(out)]) == 0
    return out


def text_of(*roots: Path) -> str:
    return report.build(runs.collect(roots)).markdown("figures")


def test_a_planted_effect_is_the_answer(whole: Path) -> None:
    found = runs.collect([whole])
    first, second, third, fourth = answers.every(found)
    assert "yes for" in first.verdict and "st_flow_v2" in first.verdict and "mt_flow_v2" in first.verdict
    assert second.verdict.startswith(("Yes", "Not settled. It has the highest peak"))
    assert "st_flow_v2 earns its cost over st_flow_v1" in third.verdict
    assert "Not stable: st_flow_v3, mt_flow_v3" in fourth.verdict
    assert [answers.recommend(found, setting).verdict for setting in ("st", "mt")] == [
        "st_flow_v2.",
        "mt_flow_v2.",
    ]


def test_without_an_effect_no_effect_is_claimed(tmp_path: Path) -> None:
    for name in ("st_baseline", "st_flow_v1", "st_flow_v2"):
        for seed in range(5):
            synthetic.run(tmp_path, name, seed, top=1000 + 30 * ((7 * seed + len(name)) % 5))
    answer = answers.does_flow_help(runs.collect([tmp_path]))
    assert "not shown; every interval covers zero" in answer.verdict


def test_the_page_needs_nothing_else_and_holds_every_picture(written: Path) -> None:
    page = (written / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    pictures = {path.stem for path in (written / "figures").glob("*.svg")}
    assert {
        "st_R_env_steps",
        "mt_velocity_hours",
        "improvement",
        "settings",
        "cost",
        "stability_drop",
    } <= pictures
    assert {"prediction_st_reward", "prediction_mt_observation"} <= pictures
    assert page.count("<img ") == len(pictures)
    markdown = (written / "report.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", markdown):
        assert (written / target).is_file()


def test_a_variant_has_one_colour(whole: Path) -> None:
    colors = figures.colors(runs.collect([whole]))
    assert len(set(colors.values())) == 4
    assert all(colors[f"st_{name}"] == colors[f"mt_{name}"] for name in figures.COLORS)


def test_measures_are_what_their_definitions_say(tmp_path: Path) -> None:
    folder = synthetic.run(tmp_path, "st_baseline", top=1000, end=700, epochs=100)
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rows[60]["wm_grad_norm"] = 100.0  # a spike
    rows[70]["wm_loss"] = None  # not finite
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "train.log").write_text("warning\nnot finite in epoch 80: wm_loss\n")
    measured = measures.measure(runs.collect([tmp_path]).runs[0])
    assert measured.peak == pytest.approx(1000) and measured.final == pytest.approx(700)
    assert measured.drop == pytest.approx(0.3)
    near = 72 * 128 * 16  # R is 12.5 per epoch up to epoch 80
    assert measured.steps_to_near_peak == pytest.approx(near, abs=128 * 16)
    assert measured.seconds_per_epoch == pytest.approx(1) and measured.hours == pytest.approx(100 / 3600)
    assert measured.spikes == pytest.approx(10) and measured.non_finite == 2


def test_comparisons_are_made_at_equal_steps_and_list_what_differs(tmp_path: Path) -> None:
    for seed in range(2):
        synthetic.run(tmp_path, "mt_baseline", seed, top=800, epochs=60)
        synthetic.run(tmp_path, "mt_flow_v2", seed, top=1600, epochs=120)
    pair = measures.compare(runs.collect([tmp_path]), "mt_flow_v2", "mt_baseline")
    assert pair is not None
    assert pair.steps == 60 * 128 * 16
    assert pair.improvement.estimate == pytest.approx(1600 * 60 / 96 - 800)
    assert {"wm_batch_size 256 → 512", "max_epochs 60 → 120", "dynamics mlp → flow"} <= set(pair.differences)
    assert not any(text.startswith("dynamics") for text in pair.confounded)
    assert "2 seeds on a side" in pair.warnings[0]


def test_one_seed_and_an_unfinished_run_make_an_answer_weak(tmp_path: Path) -> None:
    synthetic.run(tmp_path, "st_baseline", top=500)
    synthetic.run(tmp_path, "st_flow_v1", top=900, epochs=30, max_epochs=60)
    synthetic.run(tmp_path, "st_flow_v2", top=950)
    found = runs.collect([tmp_path])
    answer = answers.does_flow_help(found)
    assert "cannot be told from one seed" in answer.verdict
    assert "single-task: cannot be told from one seed" in answers.which_substeps(found).verdict
    assert any("one seed" in reason for reason in answer.weak)
    assert any("unfinished: st_flow_v1-s0 (30/60)" in reason for reason in answer.weak)
    text = text_of(tmp_path)
    assert "No run at all: st_flow_v3, mt_baseline" in text
    assert "Unfinished: st_flow_v1-s0 (30 of 60 epochs)" in text


def test_a_return_without_forward_velocity_is_surviving(tmp_path: Path) -> None:
    synthetic.run(tmp_path, "st_baseline", top=1197, velocity=0.02)
    synthetic.run(tmp_path, "st_flow_v2", top=1100, velocity=2.0)
    text = text_of(tmp_path)
    assert "Surviving, not walking: at their peak R st_baseline moved" in text
    recommended = answers.recommend(runs.collect([tmp_path]), "st")
    assert recommended.verdict == "st_flow_v2."


def test_runs_that_are_not_comparable_are_flagged(tmp_path: Path) -> None:
    synthetic.run(tmp_path, "st_baseline")
    other = {"git": {"commit": "fedcba9876543210", "dirty": True}, "image": None}
    synthetic.run(tmp_path, "st_flow_v1", start=other, overrides=("gamma=0.9",))
    synthetic.run(tmp_path, "st_flow_v2", overrides=("env=cartpole",))
    synthetic.run(tmp_path, "st_flow_v3", overrides=("size=5M",))
    found = runs.collect([tmp_path])
    assert found.experiments == ["st_baseline", "st_flow_v1"]
    assert sum("left out: " in problem for problem in found.problems) == 2
    pair = measures.compare(found, "st_flow_v1", "st_baseline")
    assert pair is not None
    assert "gamma 0.99 → 0.9" in pair.confounded
    assert any("not the same commit: fedcba987+changes / 012345678" in warning for warning in pair.warnings)
    assert any("not the same image" in warning for warning in pair.warnings)


def test_broken_input_is_reported_and_never_a_crash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "runs"
    good = synthetic.run(root, "st_baseline")
    with open(good / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 61, "R": 12')
    silent = synthetic.run(root, "st_flow_v1")
    rows = [json.loads(line) | {"R": None} for line in (silent / "metrics.jsonl").read_text().splitlines()]
    (silent / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    synthetic.run(root, "st_flow_v2", epochs=50).rename(root / "a-copy")
    synthetic.run(root, "st_flow_v2", epochs=60)
    (root / "notes").mkdir()
    (synthetic.run(root, "st_flow_v3") / "run.json").write_text("{")
    strange = synthetic.run(root, "mt_baseline")
    (strange / "config.yaml").write_text("\x00: [")
    (strange / "metrics.jsonl").write_text('{"epoch": 1, "R": "high", "env_steps": [1]}\n[]\n\xff\n')
    (strange / "world_model.json").write_text('{"errors": [1]}')
    binary = root / "mt_flow_v1-s0"
    binary.mkdir()
    (binary / "metrics.jsonl").write_bytes(bytes(range(256)))
    out = tmp_path / "out"
    assert main(["report", "--runs", str(root), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    for expected in (
        *(
            "1 of 61 lines are not whole rows",
            "no episode has finished in 60 epochs",
            "notes: not a run folder",
        ),
        *("st_flow_v2 with seed 0 is there twice", "no readable run.json", "mt_flow_v1-s0: holds no row"),
    ):
        assert expected in said
    assert "Left out or damaged" in (out / "report.html").read_text()


def test_bare_logs_are_enough(tmp_path: Path) -> None:
    for job, (name, scale) in enumerate((("st_baseline", 8), ("st_flow_v2", 10)), start=2314143):
        lines = [
            f"[{epoch}/40]  R:{scale * epoch:.2f}  T:9.0  H:16.0  S:{2048 * epoch}  FPS:99\n"
            for epoch in range(1, 41)
        ]
        (tmp_path / f"train_48M_{name}_{job}.out").write_text("".join(lines))
    found = runs.collect([], [tmp_path])
    pair = measures.compare(found, "st_flow_v2", "st_baseline")
    assert pair is not None and pair.improvement.estimate == pytest.approx(80)
    assert all(run.finished for run in found.runs)
    assert "st_flow_v2" in report.build(found).html()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--runs", "nowhere"], "no folder 'nowhere'"),
        (["--log", "nothing.out"], "no file 'nothing.out'"),
        ([], "no folder 'runs' here"),
        (["--seeds"], "unrecognized"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_names_cannot_break_the_page(tmp_path: Path) -> None:
    folder = synthetic.run(tmp_path, "st_baseline")
    (folder / "config.yaml").unlink()
    folder.rename(tmp_path / "<script>alert(1)<|b>")
    page = report.build(runs.collect([tmp_path])).html()
    assert "<script>" not in page
