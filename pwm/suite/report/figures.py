"""The report's pictures, each one panel that is legible on a telephone, as SVG text.

A variant has one colour in all of them, whatever its setting.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import EngFormatter, MaxNLocator

from pwm.run.metrics import number
from pwm.suite.report import answers, measures, statistics
from pwm.suite.report.document import Figure
from pwm.suite.report.measures import Comparison
from pwm.suite.report.runs import Array, Collected, Run

COLORS = {"baseline": "#555555", "flow_v1": "#0072b2", "flow_v2": "#d55e00", "flow_v3": "#009e73"}
OTHERS = ("#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7b4173")
SIZE = (5.4, 3.7)  # inches
GRID = 200  # points of a curve
LONGEST_LABEL = 40  # characters
# A name may hold a dollar sign; texts take this when they are made.
matplotlib.rcParams["text.parse_math"] = False
STYLE: Any = {
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "svg.fonttype": "path",
    "svg.hashsalt": "pwm",
}
AXES = {
    "env_steps": "environment steps",
    "hours": "hours",
    "R": "return R",
    "velocity": "forward velocity (m/s)",
}
ERRORS = {
    "latent": "latent error",
    "reward": "reward error",
    "return": "return error",
    "observation": "decoded observation error",
}
QUALITIES = {**ERRORS, "gradient": "gradient agreement"}
"""What ``pwm eval --world-model`` measures: errors, and a cosine."""


def variant(experiment: str) -> str:
    """What an experiment shares with its namesake in the other setting: ``flow_v2``."""
    prefix, _, rest = experiment.partition("_")
    return rest if prefix in answers.SETTINGS else experiment


def colors(found: Collected) -> dict[str, str]:
    """The colour of every experiment."""
    others = [name for name in dict.fromkeys(map(variant, found.experiments)) if name not in COLORS]
    palette = COLORS | {name: OTHERS[index % len(OTHERS)] for index, name in enumerate(others)}
    return {name: palette[variant(name)] for name in found.experiments}


def learning_curves(found: Collected, setting: str, title: str) -> list[Figure]:
    """R and forward velocity against environment steps and hours."""
    names = [name for name in found.experiments if name.partition("_")[0] == setting or not setting]
    pictures = []
    for y in ("R", "velocity"):
        for x in ("env_steps", "hours"):
            canvas, axes = _panel(f"{title}: {AXES[y]}", AXES[x], AXES[y])
            drawn = [
                _curve(axes, found.of(name), x, y, colors(found)[name], _label(variant(name)))
                for name in names
            ]
            if not any(drawn):
                continue
            if y == "velocity":
                axes.axhline(measures.WALKING, color="#999999", linestyle=":", linewidth=1)
            if x == "env_steps":
                axes.xaxis.set_major_formatter(EngFormatter(sep=""))
            _legend(axes, sum(drawn))
            caption = f"{title}: {AXES[y]} against {AXES[x]}."
            pictures.append(Figure(f"{setting or 'other'}_{y}_{x}", caption, _svg(canvas)))
    return pictures


def _curve(axes: Axes, runs: list[Run], x: str, y: str, color: str, label: str) -> bool:
    """Each run thin, their interquartile mean thick where all of them are, its interval as a band."""
    curves = [_known(getattr(run.curve, x), getattr(run.curve, y)) for run in runs]
    curves = [(xs, ys) for xs, ys in curves if len(xs)]
    if not curves:
        return False
    if len(curves) == 1:
        marker = "o" if len(curves[0][0]) < 5 else ""
        axes.plot(*_thinned(*curves[0]), color=color, linewidth=2, label=label, marker=marker, markersize=4)
        return True
    for xs, ys in curves:
        axes.plot(*_thinned(xs, ys), color=color, linewidth=0.7, alpha=0.4)
    start, end = max(xs[0] for xs, _ in curves), min(xs[-1] for xs, _ in curves)
    if end <= start:
        axes.plot([], [], color=color, linewidth=2, label=label)
        return True
    grid = np.linspace(start, end, GRID)
    values = np.stack([np.interp(grid, xs, ys) for xs, ys in curves], -1)
    centre = statistics.iqm(values)
    axes.plot(grid, centre, color=color, linewidth=2, label=label)
    if len(curves) > 2:
        half = statistics.half_width(values)
        axes.fill_between(grid, centre - half, centre + half, color=color, alpha=0.15, linewidth=0)
        _clip(axes)
    return True


def _clip(axes: Axes) -> None:
    """The lines decide what is seen: the band of three runs may be far wider."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines])
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.1 * (high - low or 1.0)
    axes.set_ylim(low - margin, high + margin)


def improvement(pairs: list[Comparison], palette: dict[str, str]) -> Figure | None:
    """Flow against the baseline, with intervals."""
    caption = "Difference of the interquartile-mean peak R from the baseline, with its 95% interval."
    return _differences("improvement", "Improvement over the baseline", caption, pairs, palette)


def settings(pairs: list[Comparison], palette: dict[str, str]) -> Figure | None:
    """Multi-task against single-task, with intervals."""
    caption = "What multi-task training changes in the peak R of each variant, with its 95% interval."
    return _differences("settings", "Multi-task minus single-task", caption, pairs, palette)


def _differences(
    name: str, title: str, caption: str, pairs: list[Comparison], palette: dict[str, str]
) -> Figure | None:
    if not pairs:
        return None
    canvas, axes = _panel(title, "difference of peak R", "", rows=len(pairs))
    _forest(axes, pairs, palette)
    return Figure(name, caption, _svg(canvas))


def _forest(axes: Axes, pairs: list[Comparison], palette: dict[str, str]) -> None:
    labels = []
    for row, pair in enumerate(reversed(pairs)):
        gap = pair.improvement
        error = [[gap.estimate - gap.low], [gap.high - gap.estimate]] if gap.known else None
        axes.errorbar(
            [gap.estimate], [row], xerr=error, color=palette[pair.a], fmt="o", capsize=4, linewidth=2
        )
        labels.append(f"{_label(pair.a)}\n− {_label(pair.b)}")
    axes.axvline(0, color="#333333", linewidth=1)
    axes.set_yticks(range(len(pairs)), labels, fontsize=9)
    axes.set_ylim(-0.6, len(pairs) - 0.4)
    axes.xaxis.set_major_locator(MaxNLocator(5))


def cost(found: Collected) -> Figure | None:
    """Peak return against seconds per epoch."""
    canvas, axes = _panel("Cost and return", "seconds per epoch", "peak R")
    palette, seen = colors(found), set[str]()
    for name in found.experiments:
        runs, tops = found.of(name), measures.peaks(found.of(name))
        pace = measures.mean_of(runs, "seconds_per_epoch")
        if not len(tops) or not math.isfinite(pace):
            continue
        seen.add(name)
        look: Any = {"color": palette[name], "markersize": 9, "markeredgewidth": 2, "label": _label(name)}
        look["markerfacecolor"] = palette[name] if name.startswith("mt_") else "white"
        axes.plot([pace], [statistics.iqm(tops)], "o", **look)
    if not seen:
        return None
    axes.margins(0.15)
    _legend(axes, len(seen))
    caption = "Interquartile-mean peak R against seconds per epoch; hollow: single-task, filled: multi-task."
    return Figure("cost", caption, _svg(canvas))


def stability(found: Collected) -> list[Figure]:
    """Peak lost at the end and gradient spikes, a dot per run."""
    pictures = []
    for name, title, axis, factor in (
        ("drop", "Peak lost at the end", "% of the peak", 100),
        ("spikes", "Gradient spikes", "per thousand rows", 1),
    ):
        names = [n for n in found.experiments if any(_finite(r, name) for r in found.of(n))]
        if not names:
            continue
        canvas, axes = _panel(title, axis, "", rows=len(names))
        for row, experiment in enumerate(reversed(names)):
            values = [
                factor * getattr(measures.measure(run), name)
                for run in found.of(experiment)
                if _finite(run, name)
            ]
            color = colors(found)[experiment]
            axes.barh(row, np.mean(values), color=color, alpha=0.3, height=0.6)
            axes.plot(values, [row] * len(values), "o", color=color, markersize=5)
        axes.set_yticks(range(len(names)), [_label(name) for name in names[::-1]])
        axes.set_xlim(min(0.0, axes.get_xlim()[0]) if name == "drop" else 0.0, max(1.0, axes.get_xlim()[1]))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        pictures.append(
            Figure(f"stability_{name}", f"{title}: a dot per run, a bar for their mean.", _svg(canvas))
        )
    return pictures


def prediction(found: Collected) -> list[Figure]:
    """Open-loop errors and gradient agreement over the horizon, with each run's own substeps."""
    names = [name for name in found.experiments if any(run.world_model for run in found.of(name))]
    pictures = []
    for setting, title in answers.SETTINGS.items():
        mine = [name for name in names if name.startswith(f"{setting}_")]
        for kind, what in QUALITIES.items():
            unit = "error / variance" if kind in ERRORS else "cosine with the real gradient"
            canvas, axes = _panel(f"{title}: {what}", "open-loop steps", unit)
            drawn = 0
            for name in mine:
                curves = [curve for run in found.of(name) if (curve := open_loop(run, kind)) is not None]
                length = min((len(curve) for curve in curves), default=0)
                if length:
                    drawn += 1
                    mean = statistics.iqm(np.stack([curve[:length] for curve in curves], -1))
                    axes.plot(np.arange(1, length + 1), mean, color=colors(found)[name], linewidth=2,
                              label=_label(variant(name)))  # fmt: skip
            if drawn:
                axes.axhline(1, color="#999999", linestyle=":", linewidth=1)
                axes.axhline(0, color="#999999", linewidth=1)
                _legend(axes, drawn)
                meaning = (
                    "1 is as bad as predicting the mean" if kind in ERRORS else "1 is a perfect gradient"
                )
                caption = f"{title}: {what} over the open-loop horizon; {meaning}."
                pictures.append(Figure(f"prediction_{setting}_{kind}", caption, _svg(canvas)))
    return pictures


def open_loop(run: Run, kind: str, substeps: str | None = None) -> Array | None:
    """The open-loop error ``kind`` over the horizon, as ``pwm eval --world-model`` measured it, with the
    run's own ``substeps`` unless said otherwise; None where it was not."""
    measured = run.world_model or {}
    try:
        own = str(measured["substeps"]) if substeps is None else substeps
        values = np.array([number(value) for value in measured["errors"][own][kind]], float)
    except (KeyError, TypeError):
        return None
    return values if len(values) else None


def _label(name: str) -> str:
    """``name`` as a picture can show it: of bounded length, and not hidden for an underscore in front."""
    short = name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"
    return f" {short}" if short.startswith("_") else short


def _finite(run: Run, name: str) -> bool:
    return math.isfinite(getattr(measures.measure(run), name))


def _known(xs: Array, ys: Array) -> tuple[Array, Array]:
    known = np.isfinite(xs) & np.isfinite(ys)
    return xs[known], ys[known]


def _thinned(xs: Array, ys: Array) -> tuple[Array, Array]:
    step = max(1, len(xs) // (2 * GRID))
    return xs[::step], ys[::step]


def _panel(title: str, x: str, y: str, rows: int | None = None) -> tuple[Canvas, Axes]:
    height = SIZE[1] if rows is None else 1.3 + 0.5 * max(rows, 2)
    with matplotlib.rc_context(STYLE):
        canvas = Canvas(figsize=(SIZE[0], height), layout="constrained")
        axes = canvas.subplots()
        axes.set_title(title, fontsize=12, loc="left")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        if rows is not None:
            axes.grid(visible=False, axis="y")
    return canvas, axes


def _legend(axes: Axes, count: int) -> None:
    """Below the panel, where it covers nothing."""
    with matplotlib.rc_context(STYLE):
        axes.figure.legend(loc="outside lower center", ncols=min(4, max(1, count)) if count <= 4 else 3)


def _svg(canvas: Canvas) -> str:
    text = io.StringIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a box is shown instead
        canvas.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def present(figures: Iterable[Figure | None]) -> list[Figure]:
    """Those that there was something to draw for."""
    return [figure for figure in figures if figure is not None]
