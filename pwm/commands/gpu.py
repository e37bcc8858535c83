"""``pwm gpu``: what only a GPU can tell, in one run of some minutes (``make gpu``).

It consists of parts, the most telling first; each is a process of its own with a limit of time. A part's
result is kept as soon as it is there, so that the same command goes on where one was cut off, and tries again
what failed. At the end `gpu.json` holds all results and `gpu.md` the tables.

Without a GPU everything runs on the CPU, with `--tiny` in some minutes, so that it can be tried before one is
at hand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pwm.arguments import Parser
from pwm.config.compose import compose
from pwm.errors import UserError, choose_from
from pwm.files import replace_text
from pwm.interpreter import PYTHON
from pwm.run import metrics
from pwm.run.folder import RunFolder
from pwm.run.signals import LAUNCHER

Result = dict[str, Any]

TINY = (
    *("size=tiny", "num_envs=16", "wm_batch_size=16", "horizon=4", "wm_updates=2", "wm_first_updates=2"),
    *("critic_passes=1", "replay_capacity=2000", "env.options.episode_length=8", "eval_episodes=2"),
    "log_every=1",
)
ENVS, TINY_ENVS = (128, 1024, 8192), (8, 16)
SPEED_COLUMNS = (
    *("experiment", "precision", "epoch s", "collect s", "world model ms", "actor ms", "critic ms"),
    *("launches", "TFLOP/s", "product TFLOP/s", "memory GB"),
)
POINTS = 25
"""Of a learning curve that are kept."""
CURVE = ("env_steps", "seconds", "R", "forward_velocity", "latent_spread", "action_spread", "eval_R")
GRACE_S = 30.0
"""For a training to save and end, at most."""
SAVING_S = 12.0
"""What starting, saving and ending is expected to take of its share."""
SLOWER = 5.0
"""How many times the limits a part may take where it is only tried."""
LEAST_S = 20.0
"""With less time left no part is begun."""


def plan() -> dict[str, float]:
    """The parts in their order, and the seconds that each may take; 0: a share of what is left."""
    limits = {"tests": 130.0, **dict.fromkeys(SPEEDS, 25.0), "envs": 45.0, "dflex": 120.0}
    return limits | {"speed st_flow_v2 bf16-compiled": 60.0} | dict.fromkeys(LEARN, 0.0)


SETTINGS = {
    "bf16": "mixed_precision=bf16",
    "tf32": "tf32=true",
    "float32": "tf32=false",
    "bf16-eager": "mixed_precision=bf16 cuda_graphs=off",
    "bf16-compiled": "mixed_precision=bf16 compile=true",
}
SPEEDS = (
    *("speed st_baseline bf16", "speed st_flow_v2 bf16", "speed st_baseline tf32", "speed st_flow_v2 tf32"),
    *("speed st_flow_v2 bf16-eager", "speed st_flow_v2 float32", "speed mt_flow_v3 bf16"),
)
LEARN = {
    "learn st_baseline simnorm": "alg=st_baseline latent=simnorm mixed_precision=bf16",
    "learn st_baseline standardized": "alg=st_baseline latent=standardized mixed_precision=bf16",
    "learn st_flow_v2 standardized": "alg=st_flow_v2 latent=standardized mixed_precision=bf16",
}


def run(argv: list[str]) -> int:
    """``pwm gpu [--minutes M] [--out DIR] [--tiny]``; returns the exit code.

    Raises:
        UserError: an argument is wrong, or the folder cannot be written.
    """
    parser = Parser(prog="pwm gpu", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything (9)")
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="folder of the results (gpu)")
    parser.add_argument("--tiny", action="store_true", help="small enough to be tried on a CPU")
    parser.add_argument("--part", help="one part, in this process; for this program's own use")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a part that learns")
    args = parser.parse_args(argv)
    if args.minutes <= 0:
        raise UserError(f"--minutes {args.minutes}: expected more than 0")
    try:
        (args.out / "parts").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {args.out}: {error.strerror}; choose another --out") from error
    if args.part is not None:
        _keep(args.out, args.part, _do(args.part, args.out, args.tiny, args.seconds))
        return 0
    deadline = time.monotonic() + 60 * args.minutes
    parts = plan()
    for index, (part, limit) in enumerate(parts.items()):
        left = deadline - time.monotonic()
        if "error" not in _kept(args.out, part):
            print(f"{part}: done before", flush=True)
        elif left < LEAST_S:
            print(f"{part}: no time left; the same command goes on here", flush=True)
        else:
            share = limit * (SLOWER if args.tiny else 1.0) or left / (len(parts) - index) - SAVING_S
            _in_its_own_process(part, args.out, args.tiny, max(LEAST_S / 2, min(share, left)))
    results = {part: _kept(args.out, part) for part in parts}
    replace_text(args.out / "gpu.json", json.dumps(results, indent=1) + "\n")
    replace_text(args.out / "gpu.md", table(results))
    done = sum("error" not in result for result in results.values())
    print(f"{done} of {len(parts)} parts: {args.out / 'gpu.md'}, {args.out / 'gpu.json'}")
    return 0


def _in_its_own_process(part: str, out: Path, tiny: bool, seconds: float) -> None:
    """What a part has left to say when it fails is its result."""
    began = time.monotonic()
    command = [*PYTHON, "-m", "pwm", "gpu", f"--part={part}", f"--out={out}", f"--seconds={seconds}"]
    try:
        done = subprocess.run(
            [*command, *(["--tiny"] if tiny else [])],
            capture_output=True,
            text=True,
            timeout=seconds + (2 * GRACE_S if part in LEARN else 0.0),
        )
        reason = (done.stderr.strip() or "it said nothing").splitlines()[-1] if done.returncode else None
    except subprocess.TimeoutExpired:
        reason = f"not done within {seconds:.0f} s"
    if reason is not None:
        _keep(out, part, {"error": reason})
    print(f"{part}: {reason or 'done'} ({time.monotonic() - began:.0f} s)", flush=True)


def _keep(out: Path, part: str, result: Result) -> None:
    replace_text(_file(out, part), json.dumps(metrics.jsonable(result), indent=1))


def _kept(out: Path, part: str) -> Result:
    try:
        kept: Result = json.loads(_file(out, part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"error": "not run"}
    return kept


def _file(out: Path, part: str) -> Path:
    return out / "parts" / f"{part.replace(' ', '-')}.json"


def _do(part: str, out: Path, tiny: bool, seconds: float) -> Result:
    """The result of ``part``, with where and when it was."""
    from pwm.run.provenance import describe

    kind, *words = part.split()
    if part not in plan():
        raise choose_from("part", part, plan())
    work: dict[str, Callable[[], Result]] = {
        "tests": _tests,
        "envs": lambda: _envs(TINY_ENVS if tiny else ENVS),
        "speed": lambda: _speed(words[0], words[1], TINY if tiny else ()),
        "learn": lambda: _learn(part, out, TINY if tiny else (), seconds),
        "dflex": lambda: _dflex(min(TINY_ENVS) if tiny else min(ENVS)),
    }
    start = describe()
    where = {key: start[key] for key in ("git", "python", "hardware")}
    return {**work[kind](), **where, "time": datetime.now(timezone.utc).isoformat(timespec="seconds")}


def _tests() -> Result:
    """The tests for a GPU, of the checkout in the working directory."""
    command = [*PYTHON, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/gpu"]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "SKIPPED", "E  "))]
    return {"summary": (done.stdout.strip().splitlines() or ["no output"])[-1], "lines": lines}


def _speed(alg: str, precision: str, overrides: tuple[str, ...]) -> Result:
    """Seconds and rates of an experiment at full scale in one precision."""
    from pwm.commands.bench import measure, profile

    config = compose([f"alg={alg}", *SETTINGS[precision].split(), "env=ant", *overrides])
    return {"precision": precision, **measure(config, repeats=5), **profile(config)}


def _envs(numbers: tuple[int, ...]) -> Result:
    """Steps per second of the Ant alone."""
    from pwm import envs
    from pwm.commands.bench import env_rate
    from pwm.learning.build import resolve_device

    device = resolve_device("auto")
    ants = (envs.make("ant", num_envs=number, device=device) for number in numbers)
    return {"steps_per_s": {str(ant.num_envs): env_rate(ant, repeats=5) for ant in ants}}


def _dflex(number: int) -> Result:
    """How long dflex takes to be ready, how fast its Ant is, and the share of its steps that ours agrees
    with (to 1e-4 in every observed number)."""
    import torch

    from pwm import envs
    from pwm.commands.bench import env_rate
    from pwm.learning.build import resolve_device

    device = resolve_device("auto")
    began = time.monotonic()
    theirs: Any = envs.make("dflex_ant", num_envs=number, device=device, auto_reset=False)
    ready = time.monotonic() - began
    ours: Any = envs.make("ant", num_envs=number, device=device, auto_reset=False)
    theirs.reset()
    agreeing = []
    for _ in range(20):
        ours.set_state(*theirs.get_state())
        action = 2 * torch.rand(number, theirs.act_dim, device=device) - 1
        found, expected = (env.step(action).final_observation for env in (ours, theirs))
        agreeing.append(((found - expected).abs() <= 1e-4).all(1).float().mean().item())
    return {
        "ready_s": ready,
        "agreeing": sum(agreeing) / len(agreeing),
        "steps_per_s": env_rate(theirs, repeats=5),
    }


def _learn(part: str, out: Path, overrides: tuple[str, ...], seconds: float) -> Result:
    """Train for ``seconds``, or go on with it; its folder stays."""
    folder = RunFolder(out / "runs" / part.replace(" ", "-"))
    command = [*PYTHON, "-m", "pwm", "train", *LEARN[part].split(), "env=ant", *overrides]
    settings = ["max_epochs=15000", "eval_every=500", "checkpoint_every=100000", "log_every=10"]
    process = subprocess.Popen(
        [*command, *settings, f"run={folder.path}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, LAUNCHER: str(os.getpid())},  # it ends with this one, and saves
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=GRACE_S)
    rows = metrics.read_metrics(folder.metrics)
    if not rows:
        raise UserError(said.strip().splitlines()[-1] if said.strip() else "nothing was logged")
    every = max(1, len(rows) // POINTS)
    kept = [rows[index] for index in range(len(rows) - 1, -1, -every)][::-1]
    return {"epochs": rows[-1]["epoch"], "curve": [{key: row.get(key) for key in CURVE} for row in kept]}


def table(results: dict[str, Result]) -> str:
    """Everything as Markdown."""
    good = {part: result for part, result in results.items() if "error" not in result}
    lines = ["# What a GPU said", ""]
    for result in list(good.values())[:1]:
        lines += [f"{result['time']}, {json.dumps(result['hardware'])}, {json.dumps(result['git'])}", ""]
    for part, result in results.items():
        if "error" in result:
            lines.append(f"- {part}: **{result['error']}**")
        elif part == "tests":
            lines.append(f"- tests for a GPU: {result['summary']}")
        elif part == "envs":
            rates = ", ".join(f"{number}: {rate:,.0f}" for number, rate in result["steps_per_s"].items())
            lines.append(f"- Ant, steps/s by environments: {rates}")
        elif part == "dflex":
            lines.append(
                f"- dflex: ready after {result['ready_s']:.0f} s, {result['steps_per_s']:,.0f} steps/s, "
                f"{result['agreeing']:.1%} of its steps are the Ant's"
            )
    speeds = [_speed_cells(result) for part, result in good.items() if part.startswith("speed")]
    lines += ["", *_table(SPEED_COLUMNS, speeds)]
    for part, result in good.items():
        if part.startswith("learn"):
            rows = [[_cell(point[key]) for key in CURVE] for point in result["curve"]]
            lines += ["", f"{part}: {result['epochs']} epochs", "", *_table(CURVE, rows)]
    return "\n".join(lines) + "\n"


def _speed_cells(result: Result) -> list[str]:
    collect = result["horizon"] * result["num_envs"] / result["env_steps_per_s"]
    return [
        result["name"],
        result["precision"],
        f"{result['epoch_s']:.3f}",
        f"{collect:.3f}",
        f"{result['world_model_ms']:.1f}",
        f"{result['actor_ms']:.1f}",
        f"{result['critic_ms']:.2f}",
        _cell(result["launches"]),
        f"{result['world_model_gflops_per_s'] / 1e3:.1f}",
        f"{result['matmul_gflops_per_s'] / 1e3:.1f}",
        f"{result['peak_memory_mb'] / 1e3:.2f}",
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:,.3g}" if isinstance(value, float) else str(value)
