"""``pwm suite mt-demo``: world models of four tasks from data alone, and a policy for each task.

Episodes of random actions, one world model with an MLP and one with a flow, and from each four policies that
no simulator was asked for; then their scores beside what random actions and none get.
"""

from __future__ import annotations

import time
from pathlib import Path

from pwm.arguments import Parser
from pwm.commands.data import generate
from pwm.commands.stages import pretraining
from pwm.config.compose import compose
from pwm.errors import UserError
from pwm.suite import extract, grid

ROOT = Path("runs") / "mt-demo"
TASKS = ("pendulum-spin", "reacher-easy", "walker-stand", "cartpole-balance")
MODELS = ("mt_baseline", "mt_flow_v2")
EPISODES = 96
MODEL = ("scale=laptop", "latent=standardized", "steps=3000", "eval_every=125")
POLICY = (
    *("scale=laptop", "horizon=16", "imagination_batch=128", "critic_passes=2", "max_epochs=150"),
    *("actor_lr=5e-4", "eval_every=25", "eval_episodes=20"),
)
FAILED = 1


def run(argv: list[str]) -> int:
    """Make the data, the models, the policies and the tables; returns the exit code: 1 if a run failed.

    Raises:
        UserError: a wrong value, or a world model failed.
    """
    parser = Parser(prog="pwm suite mt-demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of data, models and policies; default: 0")
    parser.add_argument("--jobs", type=int, default=min(2, grid.cores()), help="at a time; default: 2")
    arguments = parser.parse_args(argv)
    if arguments.seed < 0 or arguments.jobs < 1:
        raise UserError(f"--seed {arguments.seed} --jobs {arguments.jobs}: expected at least 0 and 1")
    began, seed = time.monotonic(), arguments.seed
    data = ROOT / f"data-s{seed}"
    generate.run([f"data={data}", f"tasks=[{','.join(TASKS)}]", f"episodes={EPISODES}", f"seed={seed}"])
    models = {name: ROOT / f"{name}-s{seed}" for name in MODELS}
    failed = grid.run([_model(name, data, folder, seed) for name, folder in models.items()], arguments.jobs)
    if failed:
        raise UserError("; ".join(failed.values()))
    plans = {
        name: extract.plan([f"world_model={folder}", *POLICY], [seed], ROOT / "policies" / folder.name)
        for name, folder in models.items()
    }
    cells = [
        cell._replace(label=f"{name}: {cell.label}") for name, plan in plans.items() for cell in plan.values()
    ]
    failed = grid.run(cells, arguments.jobs)
    bars = extract.baselines(ROOT, list(TASKS))
    for name, plan in plans.items():
        print(f"\n{name} (of at most 1000; after {time.monotonic() - began:.0f} s):\n")
        print(extract.table(plan, bars))
    print(f"\nresults: {ROOT} (data, world models and policies; `pwm data inspect`, `pwm eval run=…`)")
    return FAILED if failed else 0


def _model(name: str, data: Path, folder: Path, seed: int) -> grid.Cell:
    words = pretraining([f"alg={name}", f"data={data}", *MODEL, f"run={folder}", f"seed={seed}"])
    return grid.Cell(name, ["train", *words], folder, compose(words).max_epochs)
