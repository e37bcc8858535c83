"""``pwm suite jobs``: the batch script of every experiment, as text.

:func:`render` is pure: one experiment and one cluster in, the script out. The scripts of the default
cluster are committed in ``jobs/``; those of another lie in ``jobs/<cluster>/``, outside version control.
So do the scripts of sweeps (:mod:`pwm.suite.sweeps.script`), whose jobs first ask which run is theirs.
"""

from __future__ import annotations

import signal
from pathlib import Path

from pwm.arguments import Parser
from pwm.commands.launch import STOP_FILE
from pwm.config.compose import compose
from pwm.config.types import TrainConfig
from pwm.errors import UserError
from pwm.files import replace_text
from pwm.run.folder import RunFolder
from pwm.run.signals import STOPPED
from pwm.suite import experiments
from pwm.suite.slurm import cluster_config
from pwm.suite.slurm.cluster_config import NAME, Cluster

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

# Slurm's controller may be away for a moment.
patiently() {{
    for pause in 2 5 10 0; do
        "$@" && return
        sleep "$pause"
    done
    return 1
}}

# The image and the folders.
{modules}[[ -r $image ]] || fail "no image $image in $PWD: make sif, or mend sif in the cluster config"
command -v apptainer > /dev/null || fail "no apptainer on $(hostname): name its module in modules"
{cell}mkdir -p -- "$run" || fail "cannot create $run: mend runs in the cluster config"
[[ -w $run ]] || fail "cannot write to $run: mend runs in the cluster config"

# A third start of one job from the same checkpoints would end like the two before.
start="$job starts from $(cd -- "$run/{checkpoints}" &> /dev/null && echo epoch-*.pt)"
if [[ $(grep -cxF -- "$start" "$run/{jobs}" 2> /dev/null) -ge 2 ]]; then
    fail "job $job started twice and saved nothing new: see its log, then submit it again"
fi
echo "$start" >> "$run/{jobs}"

{forwarding}{command} &
trainer=$!
while kill -0 "$trainer" 2> /dev/null; do
    wait "$trainer"
done
wait "$trainer"
code=$?

# {killed}: the signal came before the trainer could save. A job that was cancelled is not running any more.
if [[ $code -eq {stopped} || $code -eq {killed} ]]; then
    state=$(patiently squeue --noheader --jobs="$job" --format=%T) ||
        fail "squeue does not answer, so job $job is not requeued: submit it again, it resumes"
    [[ $state == RUNNING ]] || exit "$code"
    echo "{name}: stopped before its last epoch; requeueing job $job"
    patiently scontrol requeue "$job" || fail "cannot requeue job $job: submit it again, it resumes"
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


def render(config: TrainConfig, cluster: Cluster) -> str:
    """The batch script that trains ``config`` on ``cluster``.

    Raises:
        UserError: the experiment's name cannot be part of a file name and a shell word.
    """
    name, path = config.name, script_path(config, cluster)
    check_name(name, "an experiment")
    train = [f"train {quote(f'alg={name}')}", *overrides(cluster), '"run=$run" "seed=$seed" "$@"']
    return fill(
        cluster,
        path,
        name,
        cluster.hours(config.multitask),
        about=ABOUT.format(name=name, cluster=cluster.name, path=path),
        folder=FOLDER.format(runs=quote(cluster.runs), name=name),
        cell="",
        command=command(cluster, "$run", train),
    )


def check_name(name: str, kind: str) -> None:
    """See that ``name`` can be part of a file name and a shell word.

    Raises:
        UserError: it cannot.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"{kind} cannot be called {name!r}; use letters, digits, '_', '.' and '-'")


def fill(cluster: Cluster, path: Path, name: str, hours: int, **parts: str) -> str:
    """:data:`SCRIPT` with what depends on the cluster, and ``parts``: about, folder, cell and command."""
    folder = RunFolder("")
    forwarding = SEVERAL if cluster.processes > 1 else FORWARDING
    return SCRIPT.format(
        name=name,
        directives=_directives(cluster, path, name, hours),
        image=quote(cluster.sif),
        checkpoints=folder.checkpoints,
        jobs=folder.jobs,
        modules="".join(f"module load {quote(module)}\n" for module in cluster.modules),
        stopped=STOPPED,
        killed=128 + WARNING,
        forwarding=forwarding.format(signal=SIGNAL, stopped=STOPPED, stop_file=STOP_FILE, stop=folder.stop),
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
export {stop_file}=$run/{stop}
rm -f -- "${stop_file}"
trap 'touch -- "${stop_file}"' {signal} TERM
nodes=$(patiently scontrol show hostnames "$SLURM_JOB_NODELIST") ||
    fail "scontrol does not answer: submit it again"
MASTER_ADDR=${{nodes%%[[:space:]]*}}
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


def command(cluster: Cluster, folder: str, train: list[str]) -> str:
    """What trains: the words ``train`` in the image, with ``folder`` in its sight."""
    step = "srun --ntasks-per-node=1 " if cluster.processes > 1 else ""
    return step + apptainer(cluster, folder) + ' \\\n    "$image" ' + " ".join(train)


def apptainer(cluster: Cluster, folder: str) -> str:
    """Apptainer's call but for the image, with ``folder`` in its sight."""
    words = ["apptainer run", *(["--nv"] if cluster.gpus else []), f'--bind "{folder}"']
    return " ".join([*words, *(f"--bind {quote(bind)}" for bind in cluster.binds)])


def overrides(cluster: Cluster) -> list[str]:
    """What the cluster adds to every run, quoted."""
    return [quote(override) for override in cluster.run_overrides]


def write(cluster: Cluster, names: list[str]) -> list[Path]:
    """Render the scripts of the experiments ``names`` where they belong; returns their paths."""
    paths = []
    for name in names:
        config = compose([f"alg={name}"])
        path = script_path(config, cluster)
        put(path, render(config, cluster))
        paths.append(path)
    return paths


def put(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` unless it is there already.

    Raises:
        UserError: it cannot be written.
    """
    try:
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, text)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; batch scripts are written into {JOBS}/ of the working "
            "folder: mend that, or go to another"
        ) from error


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
