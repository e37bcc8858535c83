"""``pwm suite submit`` and ``pwm suite cancel``: the jobs of chosen experiments, in and out of the queue."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pwm import envs
from pwm.arguments import Parser
from pwm.config.compose import compose
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.run import metrics
from pwm.run.folder import RunFolder
from pwm.suite import experiments
from pwm.suite.folders import run_folder, run_folders
from pwm.suite.slurm import cluster_config, jobs, queue, records
from pwm.suite.slurm.cluster_config import Cluster

RUN_GB = 2.1  # what pwm.run.checkpoint may take of the disk at 48M
RESERVED = ("alg", "name", "seed", "run", "num_processes")


@dataclass(frozen=True)
class Submission:
    """One call of sbatch: an experiment, and the seeds of its array (None: seed 0, no array)."""

    config: TrainConfig
    script: Path
    seeds: list[int] | None
    flags: list[str]
    overrides: list[str]

    def command(self) -> list[str]:
        """What runs, as words."""
        return ["sbatch", "--parsable", *self.flags, str(self.script), *self.overrides]


def run(argv: list[str]) -> int:
    """``pwm suite submit``: say what it costs, then submit what is neither finished nor in the queue.

    Raises:
        UserError: an override or the cluster's configuration is wrong, a file is missing, or Slurm refuses.
    """
    parser = Parser(prog="pwm suite submit", description="Submit experiments; a live or finished run is not.")
    parser.add_argument("words", nargs="+", metavar="name|st|mt|all|key=value", help="what, and overrides")
    cluster_config.add_argument(parser)
    parser.add_argument(
        "--seeds", type=seeds, metavar="0,1,2", help="an array of jobs; default: seed 0 alone"
    )
    parser.add_argument("--dry-run", action="store_true", help="print what would run, change nothing")
    parser.add_argument(
        "--sbatch", action="append", default=[], metavar="FLAG", help="e.g. --sbatch=--time=60"
    )
    args = parser.parse_intermixed_args(argv)
    overrides = [word for word in args.words if "=" in word]
    names = experiments.select([word for word in args.words if "=" not in word])
    if not names:
        raise UserError("no experiment named: give names, or st, mt or all")
    cluster = cluster_config.load(args.cluster)
    wanted = {name: composed(name, args.seeds, cluster, overrides) for name in names}
    if args.dry_run:
        plan = _plan(wanted, args.seeds, cluster, overrides, args.sbatch, known_or_none())
        for submission in plan:
            print(shlex.join(submission.command()))
        return 0
    check_files(cluster)
    with records.exclusive(Path(cluster.runs)):
        plan = _plan(wanted, args.seeds, cluster, overrides, args.sbatch, queue.jobs())
        if plan:
            jobs.write(cluster, [submission.config.name for submission in plan])
        for submission in plan:
            for seed in submission.seeds or [0]:
                records.prepare(run_folder(cluster.runs, submission.config.name, seed))
        for submission in plan:
            _submit(submission, cluster)
    return 0


def cancel(argv: list[str]) -> int:
    """``pwm suite cancel``: cancel the live jobs of the named experiments.

    Raises:
        UserError: there is no such experiment, or Slurm refuses.
    """
    parser = Parser(prog="pwm suite cancel", description="Cancel jobs; their runs can be resumed.")
    parser.add_argument("names", nargs="+", metavar="name|st|mt|all")
    cluster_config.add_argument(parser)
    parser.add_argument("--seeds", type=seeds, metavar="0,1,2", help="default: every seed")
    args = parser.parse_args(argv)
    folders = run_folders(Path(cluster_config.load(args.cluster).runs), experiments.select(args.names))
    known = queue.jobs()
    recorded = [
        job
        for (_, seed), folder in folders.items()
        if args.seeds is None or seed in args.seeds
        for job in records.ids(folder)
    ]
    live = [job for job in recorded if job in known and known[job].live]
    if live:
        queue.cancel(live)
    print(f"cancelled {', '.join(live)}" if live else "none of them has a job in the queue")
    return 0


def seeds(text: str) -> list[int]:
    """The seeds in ``0,1,2``, each once."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        values = [-1]
    if min(values) < 0:
        raise UserError(f"seeds are whole numbers with commas between them, like 0,1,2,3,4; got {text!r}")
    return sorted(set(values))


def cost(plan: list[Submission], cluster: Cluster) -> str:
    """One line: the jobs of ``plan``, what they take where that is known, and at most, before the time
    limit."""
    numbers = [len(submission.seeds or [0]) for submission in plan]
    configs = [submission.config for submission in plan]
    devices, unit = (cluster.processes, "GPU") if cluster.gpus else (cluster.cores * cluster.nodes, "core")

    def total(per_job: Iterable[float]) -> int:
        return math.ceil(sum(number * each * devices for number, each in zip(numbers, per_job, strict=True)))

    count, limit = sum(numbers), total(cluster.hours(config.multitask) for config in configs)
    hours, text = limit, f"{count} job{'s' * (count != 1)}: "
    if cluster.epoch_s is not None and all(config.model_size == "48M" for config in configs):
        hours = total(config.max_epochs * cluster.epoch_s / 3600 for config in configs)
        text += f"about {hours:,} {unit}-hours at {cluster.epoch_s:g} s an epoch, "
    text += (
        f"at most {limit:,} {unit}-hours until their time limits "
        f"(a run with epochs left is requeued), {RUN_GB * count:.0f} GB of disk at 48M"
    )
    if max(numbers) == 1:
        text += f"; one seed gives no interval, SEEDS=0,1,2,3,4 takes {5 * hours:,} {unit}-hours"
    return text


def composed(
    name: str, numbers: list[int] | None, cluster: Cluster, overrides: list[str]
) -> list[TrainConfig]:
    """The configuration of every seed, composed as the job will, so that a mistake costs no queueing."""
    for override in overrides:
        key = override.partition("=")[0]
        if key in RESERVED:
            raise UserError(f"{override!r} is for the script to say; see --seeds and --cluster")
    every = [f"alg={name}", *cluster.run_overrides]
    folders = {seed: run_folder(cluster.runs, name, seed) for seed in numbers or [0]}
    configs = [compose([*every, f"run={path}", f"seed={seed}", *overrides]) for seed, path in folders.items()]
    for config in configs:
        envs.check_options(config.env.name, config.env.options)
        if Path(config.run).exists() and not Path(config.run).is_dir():
            raise UserError(f"{config.run} is no folder; move it away, or mend runs in the cluster config")
        obstacle = RunFolder(config.run).obstacle(config)
        if obstacle:
            raise UserError(
                f"{config.run} {obstacle}; move it away, or name another folder as runs in the cluster config"
            )
    return configs


def _plan(
    wanted: dict[str, list[TrainConfig]],
    numbers: list[int] | None,
    cluster: Cluster,
    overrides: list[str],
    flags: list[str],
    known: dict[str, queue.Job],
) -> list[Submission]:
    """What is to be submitted, its cost and what is left out having been told."""
    plan = []
    for configs in wanted.values():
        left = [config for config in configs if not left_out(config, known)]
        if not left:
            continue
        array = None if numbers is None else [config.seed for config in left]
        script = jobs.script_path(compose([f"alg={left[0].name}"]), cluster)
        own = [] if array is None else array_flags(script, cluster, array)
        plan.append(Submission(left[0], script, array, own + flags, overrides))
    print(cost(plan, cluster) if plan else "nothing to submit")
    return plan


def left_out(config: TrainConfig, known: dict[str, queue.Job]) -> bool:
    """Whether the run is finished or has a job that is live; says so."""
    folder = RunFolder(config.run)
    rows = metrics.read_metrics(folder.metrics)
    if rows and rows[-1]["epoch"] >= config.max_epochs:
        print(f"{config.run} is finished: {config.max_epochs} epochs")
        return True
    live = [job for job in records.ids(folder.path) if job in known and known[job].live]
    if live:
        print(f"{config.run} has job {live[-1]} ({known[live[-1]].state})")
    return bool(live)


def array_flags(script: Path, cluster: Cluster, array: list[int]) -> list[str]:
    """An array's logs are named after its id and seed, which are known when it is submitted."""
    log = f"{cluster.logs}/{script.stem}_%A_%a"
    indices = ",".join(map(str, array))
    return [f"--array={indices}", f"--error={log}.err", f"--output={log}.out"]


def _submit(submission: Submission, cluster: Cluster) -> None:
    number = queue.submit(submission.script, submission.overrides, submission.flags)
    for seed in submission.seeds or [0]:
        job = number if submission.seeds is None else f"{number}_{seed}"
        folder = run_folder(cluster.runs, submission.config.name, seed)
        records.add(folder, job, f"submitted to {cluster.name}")
        print(f"{submission.config.name} seed {seed}: job {job}")


def check_files(cluster: Cluster) -> None:
    """See that there is an image, and a folder for the logs.

    Raises:
        UserError: there is not.
    """
    if not Path(cluster.sif).is_file():
        raise UserError(f"no image {cluster.sif}: `make sif` builds it, or mend sif in the cluster config")
    try:
        Path(cluster.logs).mkdir(parents=True, exist_ok=True)  # Slurm does not, and drops what is written
    except OSError as error:
        raise UserError(f"cannot create {cluster.logs}: {error.strerror}; change logs there") from error


def known_or_none() -> dict[str, queue.Job]:
    """What Slurm knows; nothing, with a line that says so, where it does not answer."""
    try:
        return queue.jobs()
    except queue.SlurmError as error:
        print(f"Slurm is not asked what is in the queue: {error}")
        return {}
