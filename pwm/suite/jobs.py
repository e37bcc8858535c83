"""``pwm suite jobs``: the batch script of every experiment, as text.

:func:`render` is pure: one experiment and one cluster in, the script out. The scripts of the default
cluster are committed in ``jobs/``; those of another lie in ``jobs/<cluster>/``, outside version control.
"""

from __future__ import annotations

import signal
from pathlib import Path

from pwm.arguments import Parser
from pwm.errors import UserError
from pwm.suite import cluster_config, experiments
from pwm.suite.cluster_config import NAME, Cluster
from pwm.training.compose import compose
from pwm.training.config import TrainConfig
from pwm.training.run_folder import RunFolder
from pwm.training.signals import STOPPED

JOBS = Path("jobs")
WARNING = signal.SIGUSR2

SCRIPT = """\
#!/bin/bash
# {name} on {cluster}. `make jobs` rendered this from configs/alg/{name}.yaml and the cluster
# config: change those. From the top of the checkout, `make submit-{name}` submits it, or
# `sbatch {path} [key=value …]`. The index of a job array is the seed.
{directives}
set -uo pipefail

image={image}
seed=${{SLURM_ARRAY_TASK_ID:-0}}
run=$(realpath --canonicalize-missing -- {runs})/{name}-s$seed
job=${{SLURM_ARRAY_JOB_ID:+${{SLURM_ARRAY_JOB_ID}}_}}${{SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}}

fail() {{
    echo "{name}: $1" >&2
    exit 2
}}

# The image and the folders.
{modules}[[ -r $image ]] || fail "no image $image in $PWD: make sif, or mend sif in the cluster config"
command -v apptainer > /dev/null || fail "no apptainer on $(hostname): name its module in modules"
mkdir -p -- "$run" || fail "cannot create $run: mend runs in the cluster config"
[[ -w $run ]] || fail "cannot write to $run: mend runs in the cluster config"

# A third start of one job from the same checkpoints would end like the two before.
start="$job starts from $(cd -- "$run/{checkpoints}" &> /dev/null && echo epoch-*.pt)"
if [[ $(grep -cxF -- "$start" "$run/jobs" 2> /dev/null) -ge 2 ]]; then
    fail "job $job started twice and saved nothing new: see its log, then submit it again"
fi
echo "$start" >> "$run/jobs"

# Train. The signal goes on to the trainer, which saves and exits with {stopped}.
trainer=
trap '[[ -z $trainer ]] || kill -s {signal} "$trainer" 2> /dev/null' {signal} TERM
{rendezvous}{command} &
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


def render(config: TrainConfig, cluster: Cluster) -> str:
    """The batch script that trains ``config`` on ``cluster``.

    Raises:
        UserError: the experiment's name cannot be part of a file name and a shell word.
    """
    name = config.name
    if not NAME.fullmatch(name):
        raise UserError(f"an experiment cannot be called {name!r}; use letters, digits, '_', '.' and '-'")
    several = cluster.processes > 1
    return SCRIPT.format(
        name=name,
        cluster=cluster.name,
        path=script_path(config, cluster),
        directives=_directives(config, cluster),
        image=quote(cluster.sif),
        runs=quote(cluster.runs),
        checkpoints=RunFolder("").checkpoints,
        modules="".join(f"module load {quote(module)}\n" for module in cluster.modules),
        signal=WARNING.name.removeprefix("SIG"),
        stopped=STOPPED,
        killed=128 + WARNING,
        rendezvous=RENDEZVOUS if several else "",
        command=_command(config, cluster),
    )


RENDEZVOUS = """\
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export MASTER_ADDR MASTER_PORT
"""


def script_path(config: TrainConfig, cluster: Cluster) -> Path:
    """Where the script lies, relative to the top of the checkout."""
    folder = JOBS if cluster.name == cluster_config.DEFAULT else JOBS / cluster.name
    return folder / f"{job_name(config)}.sbatch"


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


def _directives(config: TrainConfig, cluster: Cluster) -> str:
    log = f"{cluster.logs}/{job_name(config)}_%j"
    flags = {
        "account": cluster.account,
        "cpus-per-task": cluster.cores,
        "error": f"{log}.err",
        "gres": f"{cluster.gres}:{cluster.gpus}" if cluster.gres else None,
        "job-name": config.name,
        "mem": cluster.memory,
        "nodes": cluster.nodes,
        "ntasks-per-node": 1,
        "open-mode": "append",
        "output": f"{log}.out",
        "partition": cluster.partition,
        "qos": cluster.qos,
        "requeue": True,
        "signal": f"B:{WARNING.name.removeprefix('SIG')}@{cluster.warning}",
        "time": f"{cluster.hours(config.multitask)}:00:00",
    }
    lines = []
    for flag, value in sorted(flags.items()):
        if value is not None:
            lines.append(f"#SBATCH --{flag}" + ("" if value is True else f"={quote(str(value))}"))
    return "\n".join(lines)


def _command(config: TrainConfig, cluster: Cluster) -> str:
    words = ["apptainer run", *(["--nv"] if cluster.gpus else []), '--bind "$run"']
    words += [f"--bind {quote(bind)}" for bind in cluster.binds]
    if cluster.processes > 1:
        words.insert(0, "srun --ntasks-per-node=1")
    overrides = [f"alg={config.name}", *cluster.overrides]
    if cluster.processes > 1:
        overrides.append(f"num_processes={cluster.processes}")
    train = ['"$image" train', *map(quote, overrides), '"run=$run" "seed=$seed" "$@"']
    return " ".join(words) + " \\\n    " + " ".join(train)


def write(cluster: Cluster, names: list[str]) -> list[Path]:
    """Render the scripts of the experiments ``names`` where they belong; returns their paths."""
    paths = []
    for name in names:
        config = compose([f"alg={name}"])
        path = script_path(config, cluster)
        text = render(config, cluster)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


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
