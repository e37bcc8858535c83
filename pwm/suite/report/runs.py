"""Reads runs for the report: folders and bare logs in any condition. What is wrong is noted, never raised."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pwm.config.compose import compose
from pwm.errors import UserError
from pwm.run import metrics
from pwm.run.folder import MAY_CHANGE, RunFolder
from pwm.suite import logs

Array = NDArray[np.float64]

NO_SUBSTEPS = "none"
"""What stands for the substeps of dynamics that have none."""
SEED = re.compile(r".*(?:-s|_\d{4,}_)(\d+)(?:\.out)?")
"""The seed in the name of a run folder, and in that of an array job's log."""
NOT_COMPARED = {*MAY_CHANGE, "name", "seed"}
"""Configuration in which two runs of one comparison may differ without a word."""
MAY_GROW = "max_epochs"
"""In which a run may differ from an older copy of itself."""
UNKNOWN = "unknown"
NO_SAMPLE = "differ in more than the seed, so they are not one sample"
LONGEST_REASON = 200  # characters


class Curve(NamedTuple):
    """A run's rows in the order of its epochs; each array is ``[rows]``, nan where a row lacks it."""

    epoch: Array
    env_steps: Array
    hours: Array
    R: Array
    velocity: Array  # m/s


@dataclass(frozen=True, eq=False)
class Run:
    """One run as it was left."""

    path: Path
    experiment: str
    seed: int
    curve: Curve
    max_epochs: int | None
    rows: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)  # empty for a bare log
    starts: list[dict[str, Any]] = field(default_factory=list)
    config_hash: str = UNKNOWN
    world_model: dict[str, Any] | None = None
    failures: int = 0  # times training stopped at a number that was not finite
    deviates: bool = False  # from what most runs of its experiment have: a sample of its own

    @property
    def setting(self) -> str:
        """``st``, ``mt``, or nothing for a name of another form."""
        prefix = self.experiment.partition("_")[0]
        return prefix if prefix in ("st", "mt") else ""

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done."""
        return self.max_epochs is not None and self.epochs >= self.max_epochs

    @property
    def epochs(self) -> int:
        """Epochs done."""
        known = self.curve.epoch[np.isfinite(self.curve.epoch)]
        return int(known[-1]) if len(known) else 0

    @property
    def steps(self) -> float:
        """Environment steps done."""
        known = self.curve.env_steps[np.isfinite(self.curve.env_steps)]
        return float(known[-1]) if len(known) else 0.0

    @property
    def env(self) -> str:
        """The environment and the size of the networks: runs that differ here are not comparable at all."""
        if not self.config:
            return UNKNOWN
        return f"{'+'.join(self.tasks)}, {self.config['model_size']}"

    @property
    def tasks(self) -> list[str]:
        """The environments it is trained on; none where that is not known."""
        return list(self.config.get("tasks", ()))

    def share(self, task: str) -> float:
        """Of the environment steps, what is of ``task``."""
        shares = self.config.get("env_shares") or [1] * len(self.tasks)
        return float(shares[self.tasks.index(task)]) / sum(shares)

    def column(self, key: str) -> Array:
        """``[rows]``: a quantity of its own, nan where a row lacks it."""
        return _column(self.rows, key)

    @property
    def commit(self) -> str:
        """The commits it was trained with."""
        names = []
        for start in self.starts:
            git = start.get("git")
            git = git if isinstance(git, dict) else {}
            names.append(f"{str(git.get('commit') or UNKNOWN)[:9]}{'+changes' if git.get('dirty') else ''}")
        return ", ".join(dict.fromkeys(names)) or UNKNOWN

    @property
    def image(self) -> str:
        """The images it was trained in."""
        names = [_image(start.get("image")) for start in self.starts]
        return ", ".join(dict.fromkeys(names)) or UNKNOWN

    @property
    def hardware(self) -> str:
        """What it was trained on."""
        names = []
        for start in self.starts:
            known = start.get("hardware")
            known = known if isinstance(known, dict) else {}
            gpus = known.get("gpus")
            gpus = gpus if isinstance(gpus, list) else []
            names.append(
                ", ".join(map(str, gpus)) or f"{known.get('cpu_cores', '?')} × {known.get('cpu', '?')}"
            )
        return "; ".join(dict.fromkeys(names)) or UNKNOWN


@dataclass
class Collected:
    """Everything found.

    Attributes:
        runs: one per experiment and seed, of one environment and size.
        everything: those of all environments and sizes.
        problems: what could not be used, or only in part, in words.
    """

    runs: list[Run] = field(default_factory=list)
    everything: list[Run] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def of(self, experiment: str) -> list[Run]:
        """The runs of one experiment, by seed."""
        return [run for run in self.runs if run.experiment == experiment]

    @property
    def experiments(self) -> list[str]:
        """The experiments there are runs of."""
        return list(dict.fromkeys(run.experiment for run in self.runs))


def collect(roots: Iterable[Path], log_folders: Iterable[Path] = (), files: Iterable[Path] = ()) -> Collected:
    """The runs in ``roots`` (run folders, or folders of them), the logs in ``log_folders`` and ``files``.

    Of two runs of one experiment, configuration and seed the longer one counts; of several environments or
    sizes, the one with the most runs. Runs of one experiment that differ in more than the seed are samples of
    their own. What is left out is among the problems.
    """
    found = Collected()
    sources = [source for folder in log_folders for source in logs.find(folder, None)]
    sources += [logs.log_source(path) for path in files]
    for root in roots:
        sources += _folders(root, found.problems)
    runs = []
    for source in {source.path.resolve(): source for source in sources}.values():
        try:
            run = _read(source, found.problems)
        except Exception as error:  # whatever one run holds, the others are read
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            found.problems.append(f"{source.path}: cannot be read: {reason[:LONGEST_REASON]}")
            continue
        if run is not None:
            runs.append(run)
    found.everything = _one_per_seed(runs, found.problems)
    found.runs = _samples(_comparable(found.everything, found.problems), found.problems)
    return found


def differences(a: Run, b: Run) -> list[str]:
    """Every configuration value in which two runs differ: ``wm_batch_size 256 → 512``."""
    if not a.config or not b.config:
        return ["configuration of a bare log unknown"]
    first, second = _flat(a.config), _flat(b.config)
    keys = [*first, *(key for key in second if key not in first)]
    return [
        f"{key} {_value(first.get(key))} → {_value(second.get(key))}"
        for key in keys
        if key.split(".")[0] not in NOT_COMPARED and first.get(key) != second.get(key)
    ]


def _folders(root: Path, problems: list[str]) -> list[logs.Source]:
    own = logs.is_run_folder(root)
    found = [logs.run_source(root)] if own else []
    for path in logs.entries(root):
        if not path.is_dir():
            continue
        try:
            holds_runs = any(logs.is_run_folder(inner) for inner in path.iterdir() if inner.is_dir())
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
            continue
        if logs.is_run_folder(path):
            found.append(logs.run_source(path))
        if holds_runs:
            problems.append(f"{path}: holds runs of its own; name it with --runs to read them")
        elif logs.is_run_folder(path) or own:
            continue
        elif RunFolder(path).config_yaml.exists():
            problems.append(f"{path}: a run that has not logged anything yet")
        else:
            problems.append(f"{path}: not a run folder")
    return found


def _read(source: logs.Source, problems: list[str]) -> Run | None:
    points = source.points()
    if not points:
        problems.append(f"{source.path}: holds no row with a return")
        return None
    if not source.path.is_dir():
        return _from_points(source, points)
    folder = RunFolder(source.path)
    rows = _rows(folder, problems)
    if not rows:
        problems.append(f"{source.path}: no metrics.jsonl; read from its train.log")
        return _from_points(source, points)
    config: dict[str, Any] = {}
    try:
        config = asdict(folder.config())
    except UserError as error:
        problems.append(str(error))
    provenance = _json(folder.run_json)
    if not provenance:
        problems.append(f"{source.path}: no readable run.json, so its commit, image and hardware are unknown")
    starts = provenance.get("starts")
    run = Run(
        path=source.path,
        experiment=source.experiment,
        seed=int(config.get("seed", _seed(source.path))),
        curve=Curve(
            epoch=_column(rows, "epoch"),
            env_steps=_column(rows, "env_steps"),
            hours=_column(rows, "seconds") / 3600,
            R=_column(rows, "R"),
            velocity=_column(rows, "forward_velocity"),
        ),
        max_epochs=config.get("max_epochs") or metrics.whole(rows[-1].get("max_epochs")),
        rows=rows,
        config=config,
        starts=[start for start in starts if isinstance(start, dict)] if isinstance(starts, list) else [],
        config_hash=str(provenance.get("config_hash", UNKNOWN)),
        world_model=_json(folder.world_model) or None,
        failures=_failures(folder.log),
    )
    problems += _gaps(folder, run)
    if not np.isfinite(run.curve.R).any():
        problems.append(f"{source.path}: no episode has finished in {run.epochs} epochs")
    return run


def _from_points(source: logs.Source, points: list[logs.Point]) -> Run:
    def column(values: list[float | None]) -> Array:
        return np.array([metrics.number(value) for value in values], float)

    curve = Curve(
        epoch=column([point.epoch for point in points]),
        env_steps=column([point.env_steps for point in points]),
        hours=np.full(len(points), math.nan),
        R=column([point.R for point in points]),
        velocity=column([point.forward_velocity for point in points]),
    )
    return Run(source.path, source.experiment, _seed(source.path), curve, points[-1].epochs)


def _rows(folder: RunFolder, problems: list[str]) -> list[dict[str, Any]]:
    """The rows of whole lines, one per epoch, in order."""
    if not folder.metrics.is_file():
        return []
    rows = metrics.read_metrics(folder.metrics)
    lines = sum(1 for line in folder.metrics.open("rb") if line.strip())
    if lines > len(rows):
        problems.append(f"{folder.metrics}: {lines - len(rows)} of {lines} lines are not whole rows")
    by_epoch = {row["epoch"]: row for row in rows}
    if len(by_epoch) < len(rows):
        problems.append(
            f"{folder.metrics}: {len(rows) - len(by_epoch)} epochs are there twice; the last counts"
        )
    return [by_epoch[epoch] for epoch in sorted(by_epoch)]


def _gaps(folder: RunFolder, run: Run) -> list[str]:
    """What is missing between the rows of ``run``: more than twice what lies between most of them."""
    epochs = run.curve.epoch
    between = np.diff(epochs, prepend=0.0)
    usual = max(float(np.median(between)), float(run.config.get("log_every", 0)))
    gaps = np.flatnonzero(between > 2 * usual)
    ends = [(int(epochs[k - 1]) if k else 0, int(epochs[k])) for k in gaps]
    return [f"{folder.metrics}: no rows between the epochs {low} and {high}" for low, high in ends]


def _column(rows: list[dict[str, Any]], key: str) -> Array:
    return np.array([metrics.number(row.get(key)) for row in rows], float)


def _one_per_seed(runs: list[Run], problems: list[str]) -> list[Run]:
    kept: dict[tuple[str, str, int], Run] = {}
    folders = {(run.experiment, run.seed): run for run in runs if run.config}
    for run in sorted(runs, key=lambda run: run.steps, reverse=True):
        key = (_settings(run, MAY_GROW), run.experiment, run.seed)
        better = kept.get(key) if run.config else folders.get(key[1:]) or kept.get(key)
        if better is not None:
            problems.append(
                f"{run.path}: {run.experiment} with seed {run.seed} is there twice; left out for the "
                f"{'longer' if bool(better.config) == bool(run.config) else 'run folder'} {better.path}"
            )
        else:
            kept[key] = run
    return sorted(
        kept.values(), key=lambda run: (run.setting != "st", run.setting == "", run.experiment, run.seed)
    )


def _comparable(runs: list[Run], problems: list[str]) -> list[Run]:
    kinds = [run.env for run in runs if run.env != UNKNOWN]
    if not kinds:
        return runs
    common = max(dict.fromkeys(kinds), key=kinds.count)
    for run in runs:
        if run.env not in (common, UNKNOWN):
            problems.append(f"{run.path}: left out: {run.env}, while most runs here are {common}")
    return [run for run in runs if run.env in (common, UNKNOWN)]


def _settings(run: Run, but: str = "") -> str:
    """What two runs of one sample have in common, without the key ``but``."""
    if not run.config:
        return UNKNOWN
    compared = {k: v for k, v in _flat(run.config).items() if k.split(".")[0] not in NOT_COMPARED | {but}}
    return json.dumps(compared, sort_keys=True, default=str)


def _samples(runs: list[Run], problems: list[str]) -> list[Run]:
    """``runs``, those that differ from most of their experiment in more than the seed under a name of their
    own. Where as many have one configuration as another, it is the one nearest to the experiment as it is
    defined, and where that is not one either, none is the experiment's."""
    by_experiment: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        by_experiment.setdefault(run.experiment, {}).setdefault(_settings(run), []).append(run)
    renamed: dict[Run, Run] = {}
    for name, samples in by_experiment.items():
        if len(samples) == 1:
            continue
        own = _own_sample(name, list(samples.values()))
        first = (own or next(iter(samples.values())))[0]
        marks = _marks([sample[0] for sample in samples.values()])
        problems.append(
            f"{name}: its runs {NO_SAMPLE}: {'; '.join(marks)}"
            + ("" if own else "; none of them is the experiment as it is defined")
        )
        for sample, mark in zip(samples.values(), marks, strict=True):
            if sample[0] is not first or not own:
                renamed |= {run: replace(run, experiment=f"{name} [{mark}]", deviates=True) for run in sample}
    return [renamed.get(run, run) for run in runs]


def _own_sample(name: str, samples: list[list[Run]]) -> list[Run] | None:
    most = max(map(len, samples))
    largest = [sample for sample in samples if len(sample) == most]
    if len(largest) == 1:
        return largest[0]
    known = [sample for sample in largest if sample[0].config]
    distances = [_distance(sample[0], name) for sample in known]
    nearest = [sample for sample, d in zip(known, distances, strict=True) if d == min(distances)]
    return nearest[0] if len(nearest) == 1 else None


def _distance(run: Run, name: str) -> float:
    """In how many values ``run`` differs from the experiment ``name`` of its size, environment and scale."""
    try:
        words = [f"alg={name}", f"env={run.config['env']['name']}", f"size={run.config['model_size']}"]
        words.append(f"tasks=[{','.join(run.tasks)}]")
        defined = _flat(asdict(compose(words)))
    except (UserError, KeyError, TypeError):
        return math.inf
    compared = {k: v for k, v in _flat(run.config).items() if k.split(".")[0] not in NOT_COMPARED}
    return sum(value != defined.get(key) for key, value in compared.items())


def _marks(runs: list[Run]) -> list[str]:
    """What tells ``runs`` from each other: ``wm_lr=0.001``."""
    flat = [_flat(run.config) for run in runs]
    keys = [
        key
        for key in dict.fromkeys(key for config in flat for key in config)
        if key.split(".")[0] not in NOT_COMPARED and len({str(c.get(key)) for c in flat if c}) > 1
    ]
    marks: list[str] = []
    for config in flat:
        shown = [f"{key}={_value(config.get(key))}" for key in keys[:3]] if config else ["no configuration"]
        mark = ", ".join(shown) + (f" and {len(keys) - 3} more" if config and len(keys) > 3 else "")
        marks.append(mark if mark not in marks else f"{mark} ({marks.count(mark) + 1})")
    return marks


def _seed(path: Path) -> int:
    named = SEED.fullmatch(path.name)
    return int(named[1]) if named else 0


def _failures(log: Path) -> int:
    if not log.is_file():
        return 0
    return sum(
        "not finite" in line for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
    )


def _image(recorded: Any) -> str:
    """The most telling of what a start recorded: the SIF's digest, else what the image was built from."""
    if isinstance(recorded, dict):
        recorded = next(
            (recorded[key] for key in ("sif_sha256", "source", "commit") if recorded.get(key)), None
        )
    return str(recorded)[:19] if recorded else "no image"


def _json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _value(value: Any) -> str:
    return "–" if value is None else str(value)
