"""``pwm suite jobs``: the batch script of every experiment, as text.

:func:`render` is pure: one experiment and one cluster in, the script out. The scripts of the default
cluster are committed in ``jobs/``; those of another lie in ``jobs/<cluster>/``, outside version control.
So do the scripts of sweeps (:func:`render_sweep`), whose jobs first ask which run is theirs.
"""

from __future__ import annotations

import signal
from pathlib import Path

from pwm.arguments import Parser
from pwm.commands.launch import STOP_FILE
from pwm.config.compose import compose
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.run.folder import RunFolder
from pwm.run.signals import STOPPED
from pwm.suite import experiments
from pwm.suite.slurm import cluster_config
from pwm.suite.slurm.cluster_config import NAME, Cluster
from pwm.suite.sweeps.cell import CELLS

JOBS = Path("jobs")
WARNING = signal.SIGUSR2
SIGNAL = WARNING.name.removeprefix("SIG")

SCRIPT = """\
#!/bin/bash
{about}
{directives}
set -uo pipefail

image={image}
{folder}
job=${{SLURM_ARRAY_JOB_ID:+${{SLURM_ARRAY_JOB_ID}}_}}${{SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}}

fail() {{
    echo "{name}: $1" >&2
    exit 2
}}

# The image and the folders.
{modules}[[ -r $image ]] || fail "no image $image in $PWD: make sif, or mend sif in the cluster config"
command -v apptainer > /dev/null || fail "no apptainer on $(hostname): name its module in modules"
{cell}mkdir -p -- "$run" || fail "cannot create $run: mend runs in the cluster config"
[[ -w $run ]] || fail "cannot write to $run: mend runs in the cluster config"

# A third start of one job from the same checkpoints would end like the two before.
start="$job starts from $(cd -- "$run/{checkpoints}" &> /dev/null && echo epoch-*.pt)"
if [[ $(grep -cxF -- "$start" "$run/jobs" 2> /dev/null) -ge 2 ]]; then
    fail "job $job started twice and saved nothing new: see its log, then submit it again"
fi
echo "$start" >> "$run/jobs"

{forwarding}{command} &
trainer=$!
while kill -0 "$trainer" 2> /dev/null; do
    wait "$trainer"
done
wait "$trainer"
code=$?

# {killed}: the signal came before the trainer could save. A job that was cancelled is not running any more.
if [[ $code -eq {stopped} || $code -eq {killed} ]]; then
    [[ $(squeue --noheader --jobs="$job" --format=%T) == RUNNING ]] || exit "$code"
    echo "{name}: stopped before its last epoch; requeueing job $job"
    scontrol requeue "$job" || fail "cannot requeue job $job: submit it again, it resumes"
fi
exit "$code"
"""


ABOUT = """\
# {name} on {cluster}. `make jobs` rendered this from configs/alg/{name}.yaml and the cluster
# config: change those. From the top of the checkout, `make submit-{name}` submits it, or
# `sbatch {path} [key=value …]`. The index of a job array is the seed."""
FOLDER = """\
seed=${{SLURM_ARRAY_TASK_ID:-0}}
run=$(realpath --canonicalize-missing -- {runs})/{name}-s$seed"""

ABOUT_SWEEP = """\
# The W&B sweep {name} on {cluster}: each job trains one cell. `make sweep SWEEP={name}` rendered this from
# the cluster config and submits it as `sbatch {path} <entity/project/sweep> [key=value …]`."""
FOLDER_SWEEP = """\
sweep=${{1:?name it: entity/project/sweep}}
shift
runs=$(realpath --canonicalize-missing -- {runs})"""
CELL = """\
mkdir -p -- "$runs" || fail "cannot create $runs: mend runs in the cluster config"

# The cell that is this job's: drawn from the sweep at its first start, the same at every other.
cell=$runs/{cells}/{name}/$job.json
run=$({apptainer} "$image" suite draw "$sweep" "$cell" "$runs") || exit
[[ -n $run ]] || exit 0
"""


def render(config: TrainConfig, cluster: Cluster) -> str:
    """The batch script that trains ``config`` on ``cluster``.

    Raises:
        UserError: the experiment's name cannot be part of a file name and a shell word.
    """
    name, path = config.name, script_path(config, cluster)
    _check(name, "an experiment")
    train = [f"train {quote(f'alg={name}')}", *_overrides(cluster), '"run=$run" "seed=$seed" "$@"']
    return _render(
        cluster,
        path,
        name,
        cluster.hours(config.multitask),
        about=ABOUT.format(name=name, cluster=cluster.name, path=path),
        folder=FOLDER.format(runs=quote(cluster.runs), name=name),
        cell="",
        command=_command(cluster, "$run", train),
    )


def render_sweep(name: str, hours: int, cluster: Cluster) -> str:
    """The batch script whose jobs train one cell each of the W&B sweep ``name``, ``hours`` at a time.

    Raises:
        UserError: the sweep's name cannot be part of a file name and a shell word.
    """
    path = sweep_script_path(name, cluster)
    _check(name, "a sweep")
    return _render(
        cluster,
        path,
        name,
        hours,
        about=ABOUT_SWEEP.format(name=name, cluster=cluster.name, path=path),
        folder=FOLDER_SWEEP.format(runs=quote(cluster.runs)),
        cell=CELL.format(cells=CELLS, name=name, apptainer=_apptainer(cluster, "$runs")),
        command=_command(cluster, "$runs", ['suite cell "$cell" "$run"', *_overrides(cluster), '"$@"']),
    )


def _check(name: str, kind: str) -> None:
    if not NAME.fullmatch(name):
        raise UserError(f"{kind} cannot be called {name!r}; use letters, digits, '_', '.' and '-'")


def _render(cluster: Cluster, path: Path, name: str, hours: int, **parts: str) -> str:
    forwarding = SEVERAL if cluster.processes > 1 else FORWARDING
    return SCRIPT.format(
        name=name,
        directives=_directives(cluster, path, name, hours),
        image=quote(cluster.sif),
        checkpoints=RunFolder("").checkpoints,
        modules="".join(f"module load {quote(module)}\n" for module in cluster.modules),
        stopped=STOPPED,
        killed=128 + WARNING,
        forwarding=forwarding.format(signal=SIGNAL, stopped=STOPPED, stop_file=STOP_FILE),
        **parts,
    )


FORWARDING = """\
# Train. The signal goes on to the trainer, which saves and exits with {stopped}.
trainer=
trap '[[ -z $trainer ]] || kill -s {signal} "$trainer" 2> /dev/null' {signal} TERM
"""
SEVERAL = """\
# Train. The signal goes on as a file: srun would hand it to every process of the step, and what holds the
# image open would die of it. The trainers save and exit with {stopped}.
export {stop_file}=$run/stop
rm -f -- "${stop_file}"
trap 'touch -- "${stop_file}"' {signal} TERM
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR MASTER_PORT
"""


def script_path(config: TrainConfig, cluster: Cluster) -> Path:
    """Where the script lies, relative to the top of the checkout."""
    folder = JOBS if cluster.name == cluster_config.DEFAULT else JOBS / cluster.name
    return folder / f"{job_name(config)}.sbatch"


def sweep_script_path(name: str, cluster: Cluster) -> Path:
    """Where the script of the sweep ``name`` lies, outside version control."""
    return JOBS / cluster.name / f"sweep_{name}.sbatch"


def job_name(config: TrainConfig) -> str:
    """What its logs and its script are called: ``train_48M_mt_flow_v2``."""
    return f"train_{config.model_size}_{config.name}"


def quote(value: str) -> str:
    """``value`` as one literal word of bash, always in quotes; also of an ``#SBATCH`` line, if it holds no
    quote itself.

    >>> quote("it's $HOME")
    "'it'\\\\''s $HOME'"
    """
    return "'" + value.replace("'", "'\\''") + "'"


def _directives(cluster: Cluster, path: Path, name: str, hours: int) -> str:
    log = f"{cluster.logs}/{path.stem}_%j"
    flags = {
        "account": cluster.account,
        "cpus-per-task": cluster.cores,
        "error": f"{log}.err",
        "gres": f"{cluster.gres}:{cluster.gpus}" if cluster.gres else None,
        "job-name": name,
        "mem": cluster.memory,
        "nodes": cluster.nodes,
        "ntasks-per-node": 1,
        "open-mode": "append",
        "output": f"{log}.out",
        "partition": cluster.partition,
        "qos": cluster.qos,
        "requeue": True,
        "signal": f"B:{SIGNAL}@{cluster.warning}",
        "time": f"{hours}:00:00",
    }
    lines = []
    for flag, value in sorted(flags.items()):
        if value is not None:
            lines.append(f"#SBATCH --{flag}" + ("" if value is True else f"={quote(str(value))}"))
    return "\n".join(lines)


def _command(cluster: Cluster, folder: str, train: list[str]) -> str:
    """What trains: the words ``train`` in the image, with ``folder`` in its sight."""
    step = "srun --ntasks-per-node=1 " if cluster.processes > 1 else ""
    return step + _apptainer(cluster, folder) + ' \\\n    "$image" ' + " ".join(train)


def _apptainer(cluster: Cluster, folder: str) -> str:
    words = ["apptainer run", *(["--nv"] if cluster.gpus else []), f'--bind "{folder}"']
    return " ".join([*words, *(f"--bind {quote(bind)}" for bind in cluster.binds)])


def _overrides(cluster: Cluster) -> list[str]:
    several = [f"num_processes={cluster.processes}"] if cluster.processes > 1 else []
    return [quote(override) for override in [*cluster.overrides, *several]]


def write(cluster: Cluster, names: list[str]) -> list[Path]:
    """Render the scripts of the experiments ``names`` where they belong; returns their paths."""
    paths = []
    for name in names:
        config = compose([f"alg={name}"])
        path = script_path(config, cluster)
        _put(path, render(config, cluster))
        paths.append(path)
    return paths


def write_sweep(name: str, hours: int, cluster: Cluster) -> Path:
    """Render the script of the sweep ``name`` where it belongs; returns its path."""
    path = sweep_script_path(name, cluster)
    _put(path, render_sweep(name, hours, cluster))
    return path


def _put(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(argv: list[str]) -> int:
    """Render the eight scripts and say where they are.

    Raises:
        UserError: the cluster's configuration is wrong.
    """
    parser = Parser(prog="pwm suite jobs", description="Render the batch scripts of the suite.")
    cluster_config.add_argument(parser)
    arguments = parser.parse_args(argv)
    for path in write(cluster_config.load(arguments.cluster), experiments.names()):
        print(path)
    return 0
