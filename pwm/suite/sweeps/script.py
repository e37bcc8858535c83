"""The batch script of a W&B sweep, as text: each of its jobs trains one cell."""

from __future__ import annotations

from pathlib import Path

from pwm.suite.slurm import jobs
from pwm.suite.slurm.cluster_config import Cluster
from pwm.suite.sweeps.cell import CELLS

ABOUT = """\
# The W&B sweep {name} on {cluster}: each job trains one cell. `make sweep SWEEP={name}` rendered this from
# the cluster config and submits it as `sbatch {path} <entity/project/sweep> [key=value …]`."""
FOLDER = """\
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


def render(name: str, hours: int, cluster: Cluster) -> str:
    """The batch script whose jobs train one cell each of the W&B sweep ``name``, ``hours`` at a time.

    Raises:
        UserError: the sweep's name cannot be part of a file name and a shell word.
    """
    path = script_path(name, cluster)
    jobs.check_name(name, "a sweep")
    return jobs.fill(
        cluster,
        path,
        name,
        hours,
        about=ABOUT.format(name=name, cluster=cluster.name, path=path),
        folder=FOLDER.format(runs=jobs.quote(cluster.runs)),
        cell=CELL.format(cells=CELLS, name=name, apptainer=jobs.apptainer(cluster, "$runs")),
        command=jobs.command(
            cluster, "$runs", ['suite cell "$cell" "$run"', *jobs.overrides(cluster), '"$@"']
        ),
    )


def script_path(name: str, cluster: Cluster) -> Path:
    """Where the script of the sweep ``name`` lies, outside version control."""
    return jobs.JOBS / cluster.name / f"sweep_{name}.sbatch"


def write(name: str, hours: int, cluster: Cluster) -> Path:
    """Render the script of the sweep ``name`` where it belongs; returns its path."""
    path = script_path(name, cluster)
    jobs.put(path, render(name, hours, cluster))
    return path
