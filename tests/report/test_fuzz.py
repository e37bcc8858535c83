"""Whatever files hold, the commands that read many end, and say what they could not read."""

from __future__ import annotations

import atexit
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pwm.run.folder import RunFolder
from pwm.run.metrics import MetricsWriter, parse_row, read_metrics
from pwm.suite import logs, peak_r
from pwm.suite.report import answers, measures, report, runs
from pwm.suite.slurm import records, status
from tests.report import synthetic

KEYS = (
    "epoch",
    "max_epochs",
    "R",
    "env_steps",
    "seconds",
    "forward_velocity",
    "wm_grad_norm",
    "wm_loss",
    "x",
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.integers(0, 60),
    st.sampled_from([10**400, -(10**400), 1e308, -1e308, 2**63, 1e-320, "6", "nan", [], {}, [1], {"a": 1}]),
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)
rows = st.dictionaries(st.sampled_from(KEYS), values)
good_rows = st.fixed_dictionaries(
    {"epoch": st.integers(1, 60), "R": st.floats(-1e6, 1e6), "env_steps": st.integers(0)}
)
lines = st.one_of(
    st.one_of(rows, good_rows, values).map(lambda row: json.dumps(row).encode()),
    st.binary(max_size=40),
    st.sampled_from([b"[" * 100_000, b'{"epoch": 1', b"", b"\xff\xfe", b"null", b"{}", b'"' + b"x" * 70_000]),
)
text = st.lists(lines, max_size=12).map(b"\n".join)
fragments = st.sampled_from(
    [
        "R:",
        "[3/9]",
        "[",
        "R:1.25  ",
        "R:nan ",
        "R:1e999 ",
        "\x1b[0K",
        "\r",
        "\n",
        " S:12 ",
        "S:",
        "9" * 400,
        "日",
        "\0",
    ]
)
printed = st.lists(fragments | st.text(max_size=8), max_size=30).map("".join)

RUNS = Path(tempfile.mkdtemp(prefix="pwm-fuzz-"))
atexit.register(shutil.rmtree, RUNS, ignore_errors=True)
GOOD, OTHER = (synthetic.run(RUNS, name, epochs=10) for name in ("st_baseline", "st_flow_v1"))
EXAMPLES = int(os.environ.get("PWM_FUZZ", "20"))
"""Of each test; thousands now and then."""

few = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def folder() -> Iterator[Path]:
    """One good run beside what a test puts there."""
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(GOOD, Path(name) / "st_baseline-s0")
        yield Path(name)


def read_all(root: Path) -> None:
    """As the commands do."""
    found = runs.collect([root])
    assert any(run.path.name == "st_baseline-s0" for run in found.runs)
    for run in found.runs:
        measures.measure(run)
        assert (run.commit, run.image, run.hardware, run.finished, run.steps) is not None
    for answer in (*answers.every(found), answers.recommend(found, "st")):
        assert answer.verdict
    assert "st_baseline" in peak_r.table(logs.find(None, root))
    assert "st_baseline" in status.table(root)


@few
@given(text)
@example(b'{"epoch": 1, "R": 1' + b"0" * 400 + b"}")
@example(b'{"epoch": 1, "max_epochs": "6", "seconds": true}\n{"epoch": 2}')
def test_rows_of_any_kind(content: bytes) -> None:
    with folder() as root:
        broken = root / "st_flow_v1-s0"
        shutil.copytree(OTHER, broken)
        (broken / "metrics.jsonl").write_bytes(content)
        read_all(root)
        before = read_metrics(broken / "metrics.jsonl")
        with MetricsWriter(RunFolder(broken), 10**9):  # as a run does that goes on
            pass
        assert _numbers(read_metrics(broken / "metrics.jsonl")) == _numbers(before)


def _numbers(found: list[dict[str, Any]]) -> str:
    return json.dumps(found)


@few
@given(
    st.sampled_from(["run.json", "world_model.json", "config.yaml", "train.log", "jobs", "wandb.json"]),
    text | values.map(lambda value: json.dumps(value).encode()),
)
@example("run.json", b'{"starts": [{"hardware": {"gpus": 5}}]}')
@example("world_model.json", b'{"errors": {"4": 5}, "substeps": 4}')
def test_files_of_any_kind(name: str, content: bytes) -> None:
    with folder() as root:
        broken = root / "st_flow_v1-s0"
        shutil.copytree(OTHER, broken)
        (broken / name).write_bytes(content)
        read_all(root)
        records.ids(broken)


@few
@given(
    st.dictionaries(
        st.sampled_from(["starts", "git", "hardware", "image", "gpus", "errors", "substeps"]), values
    )
)
def test_documents_of_any_shape(content: dict[str, Any]) -> None:
    with folder() as root:
        broken = root / "st_flow_v1-s0"
        shutil.copytree(OTHER, broken)
        (broken / "run.json").write_text(
            json.dumps({"starts": [content, {"hardware": content, "git": content}]})
        )
        (broken / "world_model.json").write_text(
            json.dumps({**content, "errors": {"4": content, "8": {"latent": content}}})
        )
        read_all(root)


@settings(few, max_examples=max(4, EXAMPLES // 10))
@given(text, values)
def test_a_report_is_written_whatever_is_there(content: bytes, value: Any) -> None:
    with folder() as root:
        broken = root / "st_flow_v1-s0"
        shutil.copytree(OTHER, broken)
        (broken / "metrics.jsonl").write_bytes((GOOD / "metrics.jsonl").read_bytes() + content)
        (broken / "world_model.json").write_text(
            json.dumps({"substeps": 4, "errors": {"4": {"latent": value}}})
        )
        assert "st_baseline" in report.build(runs.collect([root])).html()


@few
@given(printed)
def test_logs_of_any_kind(content: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "train_48M_st_flow_v1_12.out"
        path.write_bytes(content.encode("utf-8", errors="surrogatepass"))
        for point in logs.read_log(path):
            assert math.isnan(point.R) or abs(point.R) <= 1e15
        peak_r.table(logs.find(Path(name), None))
        runs.collect([], [Path(name)])


@few
@given(lines)
def test_a_row_is_a_row_or_none(line: bytes) -> None:
    row = parse_row(line)
    assert row is None or 0 <= row["epoch"] <= 1e15
