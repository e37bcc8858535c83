"""``pwm bench``: how fast the simulator, each update and a whole epoch are on this machine."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from pwm import envs
from pwm.arguments import Parser
from pwm.commands import bench_store
from pwm.config.compose import compose
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.learning.epochs import make_accelerator
from pwm.learning.graphs import WARM_UP
from pwm.learning.trainer import Trainer
from pwm.nn.linear import linear
from pwm.run.provenance import describe

DEFAULT_ALGS = ("st_baseline", "st_flow_v1", "st_flow_v2", "st_flow_v3")
DEFAULTS = ("size=5M", "wm_batch_size=256", "num_envs=128")
MATRIX, GPU_MATRIX = 2048, 8192
KERNELS = 25
NUM_ENVS = 128

COLUMNS = (
    ("experiment", "name", "14s"),
    ("env steps/s", "env_steps_per_s", "12,.0f"),
    ("wm ms", "world_model_ms", "9.1f"),
    ("actor ms", "actor_ms", "9.1f"),
    ("critic ms", "critic_ms", "10.1f"),
    ("epoch s", "epoch_s", "8.2f"),
    ("wm GFLOP/s", "world_model_gflops_per_s", "11.0f"),
    ("peak", "matmul_gflops_per_s", "7.0f"),
    ("memory MB", "peak_memory_mb", "10.0f"),
)


def run(argv: list[str]) -> int:
    """``pwm bench [--json FILE] [--repeats N] [--envs | --data] [alg=…] [key=value …]``; returns the code.

    Without ``alg=`` the four single-task experiments; sizes default to 5M, batch 256.

    Raises:
        UserError: an argument is wrong, or the file cannot be written.
    """
    parser = Parser(prog="pwm bench", description=__doc__)
    parser.add_argument("--json", default="bench.json", help="where to write the figures (bench.json)")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each; the median counts (5)")
    parser.add_argument("--envs", action="store_true", help="environments alone, on one thread")
    parser.add_argument("--data", action="store_true", help="batches of a store of 4 GB in TMPDIR")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    arguments = parser.parse_intermixed_args(argv)
    if arguments.repeats < 1:
        raise UserError(f"--repeats {arguments.repeats}: expected at least 1")
    _check_writable(Path(arguments.json))
    if arguments.data:
        return _bench_data(arguments.overrides, Path(arguments.json), arguments.repeats)
    if arguments.envs:
        return _bench_envs(arguments.overrides, Path(arguments.json), arguments.repeats)
    named = [text for text in arguments.overrides if text.startswith("alg=")]
    others = [text for text in arguments.overrides if not text.startswith("alg=")]
    given = {text.split("=")[0] for text in others}
    defaults = [text for text in DEFAULTS if text.split("=")[0] not in given]
    configs = [
        compose([alg, *defaults, *others]) for alg in named or [f"alg={name}" for name in DEFAULT_ALGS]
    ]
    print("  ".join(f"{title:>{_width(spec)}}" for title, _, spec in COLUMNS), flush=True)
    rows = []
    for config in configs:
        rows.append(measure(config, arguments.repeats))
        print("  ".join(_cell(rows[-1][key], spec) for _, key, spec in COLUMNS), flush=True)
    Path(arguments.json).write_text(json.dumps({"machine": describe(), "rows": rows}, indent=1) + "\n")
    print(
        f"medians of {arguments.repeats}; peak: GFLOP/s of a large matrix product; "
        f"{torch.get_num_threads()} threads; written to {arguments.json}"
    )
    return 0


def _bench_envs(overrides: list[str], path: Path, repeats: int) -> int:
    """Those of Newton, and of dflex where it is installed."""
    if overrides:
        raise UserError(f"--envs takes no {overrides[0]}: it measures every environment at {NUM_ENVS}")
    torch.set_num_threads(1)
    rates = {}
    for name in envs.available():
        rates[name] = env_rate(envs.make(name, num_envs=NUM_ENVS), repeats)
        print(f"{name:24s}{rates[name]:12,.0f} steps/s", flush=True)
    path.write_text(json.dumps({"machine": describe(), "env_steps_per_s": rates}, indent=1) + "\n")
    print(f"medians of {repeats}; {NUM_ENVS} environments, one thread; written to {path}")
    return 0


def _bench_data(overrides: list[str], path: Path, repeats: int) -> int:
    """Batches from memory and from the disk, beside plain reads."""
    if overrides:
        raise UserError(f"--data takes no {overrides[0]}: it measures a store of its own")
    found = bench_store.measure(repeats)
    path.write_text(json.dumps({"machine": describe(), "store": found}, indent=1) + "\n")
    for kind in ("warm", "cold"):
        plain = found[f"reads_{kind}"]
        print(f"{kind}: {found[kind]:.1f} batches/s of 1024 x 17 rows; plain reads of them: {plain:.1f}")
    print(f"memory grew by {found['grown_mb']:.0f} MB; medians of {repeats}; written to {path}")
    return 0


def env_rate(env: envs.VectorEnv, repeats: int) -> float:
    """Environment steps per second, under random actions."""
    action = torch.rand(env.num_envs, env.act_dim, device=env.device) * 2.0 - 1.0

    def steps() -> None:
        for _ in range(16):
            env.step(action)

    return 16 * env.num_envs / median(steps, env.device, repeats)


def _check_writable(path: Path) -> None:
    """Before minutes of measuring, not after."""
    try:
        path.touch()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another --json=<file>") from error


def measure(config: TrainConfig, repeats: int) -> dict[str, Any]:
    """The figures of one experiment: medians of ``repeats``, in one process, with nothing saved."""
    if config.threads:
        torch.set_num_threads(config.threads)
    trainer = _ready(config)
    device = trainer.device
    matmul = _matmul_rate(device, repeats, config.mixed_precision == "bf16")

    def actor_update() -> Any:
        return trainer.update_actor(*trainer.start_states())[1]

    rollout = actor_update()
    collect = median(trainer.collect, device, repeats)
    update = median(trainer.update_world_model, device, repeats)
    flops = _flops(lambda: trainer.learner.update_world_model(trainer.sample()))  # a graph's are not seen
    updates = config.critic_passes * config.critic_batches
    return {
        "name": config.name,
        "model_size": config.model_size,
        "wm_loss": config.wm_loss,
        "wm_batch_size": config.wm_batch_size,
        "num_envs": config.num_envs,
        "horizon": config.horizon,
        "env": config.env.name,
        "mixed_precision": config.mixed_precision,
        "device": str(device),
        "env_steps_per_s": config.horizon * config.num_envs / collect,
        "world_model_ms": 1e3 * update,
        "actor_ms": 1e3 * median(actor_update, device, repeats),
        "critic_ms": 1e3 * median(lambda: trainer.update_critic(*rollout), device, repeats) / updates,
        "epoch_s": median(trainer.run_epoch, device, repeats),
        "world_model_gflop": flops / 1e9,
        "world_model_gflops_per_s": flops / update / 1e9,
        "matmul_gflops_per_s": matmul / 1e9,
        "peak_memory_mb": _peak_memory(device) / 1e6,
    }


def _ready(config: TrainConfig) -> Trainer:
    """A trainer whose every epoch is as in the middle of a run."""
    trainer = Trainer(config, make_accelerator(config))
    while not trainer.can_learn():
        trainer.collect()
    trainer.trained_epochs = max(1, config.actor_start_epoch)
    return trainer


def profile(config: TrainConfig) -> dict[str, Any]:
    """What an epoch is on a GPU: `launches` by the host, and of its `kernels` the `KERNELS` that take the
    longest, as ``[name, calls, milliseconds]``; without a GPU None and none."""
    if not torch.cuda.is_available():
        return {"launches": None, "kernels": []}
    trainer = _ready(config)
    for _ in range(WARM_UP + 1):
        trainer.run_epoch()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as recorded:
        trainer.run_epoch()
        torch.cuda.synchronize()
    events = recorded.key_averages()
    host = ("LaunchKernel", "GraphLaunch")
    longest = sorted(events, key=lambda event: event.self_device_time_total, reverse=True)[:KERNELS]
    return {
        "launches": sum(event.count for event in events if any(name in event.key for name in host)),
        "kernels": [[event.key, event.count, event.self_device_time_total / 1e3] for event in longest],
    }


def median(work: Callable[[], Any], device: torch.device, repeats: int) -> float:
    """Median seconds of ``work`` in ``repeats`` runs, after one that is not counted; on a GPU after as many
    as it may take until a graph of it is recorded."""
    seconds = []
    for _ in range(repeats + (WARM_UP + 1 if device.type == "cuda" else 1)):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[-repeats:])


def _matmul_rate(device: torch.device, repeats: int, bf16: bool) -> float:
    """FLOP/s of a square matrix product, the faster of torch's and ours; on a GPU in the precision of the run
    (a CPU without instructions for it takes minutes in bf16)."""
    bf16 = bf16 and device.type == "cuda"
    size = GPU_MATRIX if device.type == "cuda" else MATRIX
    x, weight = torch.randn(2, size, size, device=device)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        ours = median(lambda: linear(x, weight), device, repeats)
        theirs = median(lambda: x @ weight, device, repeats)
    return 2 * size**3 / min(ours, theirs)


def _flops(work: Callable[[], Any]) -> float:
    """Floating-point operations of the matrix products in ``work``."""

    def onednn(x: torch.Size, weight: torch.Size, *_: Any, **__: Any) -> int:
        return 2 * x[0] * x[1] * weight[0]

    with FlopCounterMode(display=False, custom_mapping={torch.ops.mkldnn._linear_pointwise: onednn}) as flops:
        work()
    return flops.get_total_flops()


def _peak_memory(device: torch.device) -> float:
    """Bytes: of the GPU's allocator, or the largest this process has been."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _width(spec: str) -> int:
    return int(spec.split(",")[0].split(".")[0].rstrip("s"))


def _cell(value: Any, spec: str) -> str:
    return f"{value:{'>' + spec if spec.endswith('s') else spec}}"
