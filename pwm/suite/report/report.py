"""``pwm report``: compares the runs in one document, ``report.md`` and ``report.html``."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.files import replace_text
from pwm.suite import logs
from pwm.suite.report import answers, figures, measures, robots, runs, statistics
from pwm.suite.report.document import Document, Figures, Heading, Items, Table, Text
from pwm.suite.report.measures import Comparison
from pwm.suite.report.runs import NO_SAMPLE, Collected

RUNS, OUT = Path("runs"), Path("report")
PICTURES = "figures"
MARK = "<!-- written by pwm report -->"
"""The end of every file that a report writes; only such files are replaced."""
STABILITY = (
    "**Drop** is the share of the peak R lost at the end. **Spread** is the standard deviation of the "
    "peaks over seeds as a share of their mean. A **non-finite event** is a logged row in which a metric "
    "that was a number before is none, or a stop for that reason. A **gradient spike** is a logged row in "
    f"which a gradient norm (before clipping) exceeds {measures.SPIKE:.0f} times the median of the "
    f"{measures.SPIKE_WINDOW} rows before it. **Open-loop error** is how far the model's own prediction is "
    "from what happened, 16 steps ahead, as a share of the variance (`pwm eval --world-model "
    "run=<folder>`)."
)

ERROR = (
    "Mean squared open-loop error as a share of the variance; 1 predicts no better than the mean. Gradient "
    "agreement is the cosine between the gradient of the imagined return with respect to the actions and the "
    "real one's, by finite differences in the simulator. Each model is measured on data of its own policy."
)


def run(argv: list[str]) -> int:
    """Write the report for what ``argv`` names, else for ``runs/``.

    Raises:
        UserError: a folder or file given is missing, there is no run, or the report cannot be written.
    """
    parser = Parser(prog="pwm report", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "paths", type=Path, nargs="*", metavar="PATH", help="run folders, logs, or folders of them"
    )
    several: Any = {"type": Path, "action": "extend", "nargs": "+", "default": []}
    parser.add_argument("--runs", metavar="DIR", help="run folders, or folders of run folders", **several)
    parser.add_argument("--logs", metavar="DIR", help="folders of train_<size>_<name>_<job>.out", **several)
    parser.add_argument("--log", metavar="FILE", help="single log files", **several)
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help=f"default: {OUT}")
    args = parser.parse_args(argv)
    logs.named(args.paths)  # refuses what is neither
    args.runs, args.logs, args.log = [*args.runs], [*args.logs], [*args.log]
    for path in args.paths:
        if not path.is_dir():
            args.log.append(path)
        elif logs.find(path, path):
            args.runs.append(path)
            args.logs.append(path)
        else:
            args.log += logs.any_logs(path)
    for path in (*args.runs, *args.logs):
        if not path.is_dir():
            raise UserError(f"no folder {str(path)!r}; give --runs and --logs folders that exist")
    for path in args.log:
        if not path.is_file():
            raise UserError(f"no file {str(path)!r}; give --log the path of a training log")
    if not (args.runs or args.logs or args.log):
        if not RUNS.is_dir():
            raise UserError(f"no folder {str(RUNS)!r} here; train first, or name one with --runs")
        args.runs = [RUNS]
    found = runs.collect(args.runs, args.logs, args.log)
    if not found.runs:
        reasons = f": {'; '.join(found.problems)}" if found.problems else ""
        raise UserError(f"no run to report on{reasons}")
    page = write(build(found), args.out)
    print(f"{len(found.runs)} runs of {len(found.experiments)} experiments: {page}")
    for problem in found.problems:
        print(f"note: {problem}")
    return 0


def write(document: Document, folder: Path) -> Path:
    """Write ``document`` as ``report.md`` with its pictures and as ``report.html``, whose path is returned.

    Raises:
        UserError: the folder cannot be written, or holds a file under one of these names that no report
            wrote.
    """
    files = {
        folder / PICTURES / f"{figure.name}.svg": f"{figure.svg}{MARK}\n" for figure in document.figures()
    }
    files[folder / "report.md"] = f"{document.markdown(PICTURES)}\n{MARK}\n"
    files[folder / "report.html"] = f"{document.html()}{MARK}\n"
    try:
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        foreign = [path for path in files if path.exists() and not _ours(path)]
        if foreign:
            raise UserError(f"{foreign[0]} is of no report: move it away, or choose another --out")
        for path in (folder / PICTURES).glob("*.svg"):
            if path not in files and _ours(path):
                path.unlink()
        for path, text in files.items():
            replace_text(path, text)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}; choose another --out") from error
    return folder / "report.html"


def _ours(path: Path) -> bool:
    """Whether a report wrote ``path``."""
    return path.is_file() and path.read_bytes().rstrip().endswith(MARK.encode())


def build(found: Collected) -> Document:
    """The whole report."""
    document = Document("PWM: does flow beat the baseline?")
    _summary(document, found)
    _answers(document, found)
    _results(document, found)
    _curves(document, found)
    _comparisons(document, found)
    _robots(document, found)
    _stability(document, found)
    _prediction(document, found)
    _provenance(document, found)
    return document


def _summary(document: Document, found: Collected) -> None:
    kinds = dict.fromkeys(run.env for run in found.runs)
    finished = sum(run.finished for run in found.runs)
    when = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    document.add(
        Text(
            f"{len(found.runs)} runs of {len(found.experiments)} experiments ({'; '.join(kinds)}), "
            f"{finished} of them finished. Written {when}."
        )
    )
    seeds = {name: len(found.of(name)) for name in found.experiments}
    few = [f"{name} {count}" for name, count in seeds.items() if count < statistics.FEW]
    if few:
        document.add(
            Text(
                f"Fewer than {statistics.FEW} seeds, so every conclusion about these is weak: "
                f"{', '.join(few)}.",
                note=True,
            )
        )
    mixed = [problem for problem in found.problems if NO_SAMPLE in problem]
    if mixed:
        document.add(Text(f"{'; '.join(mixed)}.", note=True))
    absent = answers.missing(found)
    if absent:
        document.add(Text(f"No run at all: {', '.join(absent)}.", note=True))
    unfinished = [
        f"{run.experiment}-s{run.seed} ({run.epochs} of {run.max_epochs or '?'} epochs)"
        for run in found.runs
        if not run.finished
    ]
    if unfinished:
        document.add(Text(f"Unfinished: {', '.join(unfinished)}.", note=True))
    standing = [name for name in found.experiments if measures.surviving(found.of(name))]
    if standing:
        document.add(
            Text(
                f"Surviving, not walking: at their peak R {', '.join(standing)} moved forward at less than "
                f"{measures.WALKING} m/s. An Ant that only stands returns up to 1,300.",
                note=True,
            )
        )


def _answers(document: Document, found: Collected) -> None:
    document.add(Heading("Recommendation"))
    for setting in answers.SETTINGS:
        _answer(document, answers.recommend(found, setting))
    document.add(Text(f"Rule: {answers.RULE}"), Heading("The four questions"))
    for number, answer in enumerate(answers.every(found), start=1):
        _answer(document, answer, f"{number}. ")


def _answer(document: Document, answer: answers.Answer, prefix: str = "") -> None:
    document.add(
        Heading(f"{prefix}{answer.question}", 3), Text(f"**{answer.verdict}**"), Items(answer.evidence)
    )
    if answer.weak:
        document.add(Text(f"Weak because: {'; '.join(answer.weak)}.", note=True))


def _results(document: Document, found: Collected) -> None:
    header = (
        *("experiment", "seeds", "peak R", "95% interval", "final R", "m/s at peak"),
        *("steps to 90%", "hours", "s / epoch", "epochs"),
    )
    rows = [_result(found, name) for name in found.experiments]
    rows += [(name, "0", *("–",) * (len(header) - 2)) for name in answers.missing(found)]
    document.add(
        Heading("Results"),
        Table(header, rows),
        Text(
            "Peak R is the interquartile mean over seeds of each run's highest R, the mean return of the "
            "last 100 training episodes; the other columns are means over seeds. Steps to 90% are "
            "environment steps until R first reaches 90% of its own peak. Peaks here are of whole runs; "
            "comparisons below are at equal environment steps."
        ),
    )


def _result(found: Collected, name: str) -> tuple[str, ...]:
    mine = found.of(name)
    tops = measures.peaks(mine)
    peak = statistics.interval(tops) if len(tops) else None
    epochs = ", ".join(dict.fromkeys(f"{run.epochs}/{run.max_epochs or '?'}" for run in mine))
    standing = " (surviving)" if measures.surviving(mine) else ""
    return (
        name,
        str(len(mine)),
        show(peak.estimate if peak else math.nan, 1),
        f"{show(peak.low)} to {show(peak.high)}" if peak and peak.known else "–",
        show(measures.mean_of(mine, "final"), 1),
        show(measures.mean_of(mine, "velocity"), 2) + standing,
        show(measures.mean_of(mine, "steps_to_near_peak")),
        show(measures.mean_of(mine, "hours"), 2),
        show(measures.mean_of(mine, "seconds_per_epoch"), 3),
        epochs,
    )


def _curves(document: Document, found: Collected) -> None:
    document.add(
        Heading("Learning curves"),
        Text(
            "Thick: interquartile mean over seeds; thin: single runs; band: 95% interval, from three seeds "
            f"on. A dotted line marks {measures.WALKING} m/s, below which an Ant does not walk."
        ),
    )
    for setting, title in answers.SETTINGS.items():
        document.add(Figures(figures.learning_curves(found, setting, title.capitalize())))
    if any(not run.setting for run in found.runs):
        others = Collected([run for run in found.runs if not run.setting])
        document.add(Figures(figures.learning_curves(others, "", "Other experiments")))


def _comparisons(document: Document, found: Collected) -> None:
    palette = figures.colors(found)
    flow = [pair for setting in answers.SETTINGS for pair in answers.against_baseline(found, setting)]
    between = answers.between_settings(found)
    document.add(
        Heading("Comparisons"),
        Text(
            "Both sides are cut at equal environment steps. The interval is the estimate ± t times its "
            "bootstrap standard error over seeds, which holds for few runs where a percentile bootstrap "
            "does not; it needs two seeds a side. The probability of improvement is how often a run of the "
            "first beats one of the second. Several comparisons are made: at 95% one in twenty excludes "
            "zero by chance."
        ),
        Heading("Flow against the baseline", 3),
        Table(COMPARISON, [_comparison(pair) for pair in flow]),
        Heading("Multi-task against single-task, variant by variant", 3),
        Table(COMPARISON, [_comparison(pair) for pair in between]),
        Figures(
            figures.present(
                [figures.improvement(flow, palette), figures.settings(between, palette), figures.cost(found)]
            )
        ),
    )


def _robots(document: Document, found: Collected) -> None:
    """Only where there are runs of several robots and of one of them alone."""
    rows = [
        (
            row.variant,
            row.robot,
            row.size,
            show(row.steps),
            f"{row.means[0]:,.1f} ({len(row.single)})",
            f"{row.means[1]:,.1f} ({len(row.multi)})",
            f"{row.gain.estimate:+,.1f}",
            _range(row.gain),
            row.verdict,
        )
        for row in robots.shared(found)
    ]
    if rows:
        document.add(
            Heading("One model of several robots against one of each", 3),
            Text("The return of each robot, at equal environment steps of that robot; runs in brackets."),
            Table(ROBOTS, rows),
        )


ROBOTS = (
    *("variant", "robot", "size", "steps of it", "single-task R", "multi-task R", "difference"),
    *("95% interval", "what sharing does"),
)
COMPARISON = (
    *("comparison", "difference", "95% interval", "relative", "P(improvement)", "runs", "within steps"),
    *("configuration differences", "flags"),
)


def _comparison(pair: Comparison) -> tuple[str, ...]:
    gap = pair.improvement
    return (
        f"{pair.a} − {pair.b}",
        f"{gap.estimate:+,.1f}",
        _range(gap),
        f"{pair.relative:+.0%}" if math.isfinite(pair.relative) else "–",
        f"{pair.probability:.0%}",
        f"{pair.runs[0]} / {pair.runs[1]}",
        show(pair.steps),
        "; ".join(pair.differences) or "none",
        "; ".join(pair.warnings) or "none",
    )


def _range(gap: statistics.Interval) -> str:
    return f"{gap.low:,.0f} to {gap.high:,.0f}" if gap.known else "one seed"


def _stability(document: Document, found: Collected) -> None:
    header = ("experiment", "drop", "spread", "non-finite events", "spikes per 1,000 rows", "verdict")
    rows = []
    for name in found.experiments:
        mine = found.of(name)
        if not len(measures.peaks(mine)):
            continue
        reasons = answers.unstable(mine)
        rows.append(
            (
                name,
                percent(measures.mean_of(mine, "drop")),
                percent(measures.seed_spread(mine)),
                str(sum(measures.measure(run).non_finite for run in mine)),
                show(measures.mean_of(mine, "spikes"), 1),
                "; ".join(reasons) or "stable",
            )
        )
    document.add(
        Heading("Stability"), Text(STABILITY), Text(f"By rule {answers.STABLE}."), Table(header, rows)
    )
    document.add(Figures(figures.stability(found)))


def _prediction(document: Document, found: Collected) -> None:
    rows = []
    for run in found.runs:
        measured = run.world_model or {}
        errors = measured.get("errors")
        for substeps in errors if isinstance(errors, dict) else ():
            ends = [figures.open_loop(run, kind, substeps) for kind in figures.QUALITIES]
            cells = [f"{show(end[0], 3)} → {show(end[-1], 3)}" if end is not None else "–" for end in ends]
            own = " (own)" if substeps == str(measured.get("substeps")) else ""
            shown = "–" if substeps == runs.NO_SUBSTEPS else substeps
            rows.append((f"{run.experiment}-s{run.seed}", f"{shown}{own}", *cells))
    header = ("run", "substeps", *(f"{what}, first → last step" for what in figures.QUALITIES.values()))
    document.add(Heading("How well the world models predict"))
    if not rows:
        document.add(
            Text("Not measured: `pwm eval --world-model run=<folder>` measures a run and adds it here.")
        )
    document.add(
        Figures(figures.prediction(found)),
        Table(header, rows),
    )
    if rows:
        document.add(Text(ERROR))


def _provenance(document: Document, found: Collected) -> None:
    header = ("run", "epochs", "commit", "image", "config", "hardware", "folder")
    rows = [
        (
            f"{run.experiment}-s{run.seed}",
            f"{run.epochs}/{run.max_epochs or '?'}",
            run.commit,
            run.image,
            run.config_hash,
            run.hardware,
            str(run.path),
        )
        for run in found.runs
    ]
    document.add(Heading("Where the numbers come from"), Table(header, rows))
    flags = []
    for what in ("commit", "image", "hardware"):
        values = list(dict.fromkeys(getattr(run, what) for run in found.runs))
        if len(values) > 1:
            flags.append(f"not all runs have the same {what}: {' / '.join(values)}")
    if flags:
        document.add(Text(f"Not strictly comparable: {'; '.join(flags)}.", note=True))
    if found.problems:
        document.add(Heading("Left out or damaged", 3), Items(found.problems))


def show(value: float, digits: int = 0) -> str:
    """A number with thousands separated; a dash for none."""
    return f"{value:,.{digits}f}" if math.isfinite(value) else "–"


def percent(value: float) -> str:
    """A share in percent; a dash for none."""
    return f"{value:.1%}" if math.isfinite(value) else "–"
