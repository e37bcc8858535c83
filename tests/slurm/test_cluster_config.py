"""What a cluster's configuration may say."""

from pathlib import Path

import pytest

from pwm.errors import UserError
from pwm.suite.slurm import cluster_config
from tests.slurm.fake import cluster_yaml


def write(folder: Path, **changes: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(cluster_yaml(**changes))
    return str(path)


@pytest.mark.parametrize("name", ["pace_l40s", "local"])
def test_the_clusters_that_come_along_are_valid_and_track_their_runs(name: str) -> None:
    cluster = cluster_config.load(name)
    assert cluster.name == name
    assert cluster.run_overrides[-1] == "tracking=offline"


def test_a_key_that_is_missing_is_named_with_where_it_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "older.yaml"
    path.write_text(cluster_yaml().replace("tracking: disabled\n", ""))
    with pytest.raises(UserError, match=r"tracking is missing; pace_l40s\.yaml.* explains it"):
        cluster_config.load(str(path))


def test_a_file_of_ones_own_is_named_by_its_path(tmp_path: Path) -> None:
    cluster = cluster_config.load(write(tmp_path, memory="64G", nodes="2", gpus="4"))
    assert (cluster.name, cluster.memory, cluster.processes) == ("mine", "64G", 8)


def test_an_unknown_cluster_is_told_the_choices() -> None:
    with pytest.raises(UserError, match="unknown cluster 'pace'; choose one of local, pace_l40s"):
        cluster_config.load("pace")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"acount": "x"}, "unknown key 'acount'"),
        ({"nodes": "two"}, "nodes: expected int"),
        ({"nodes": "0"}, "nodes must be at least 1"),
        ({"nodes": "true"}, "nodes: expected int"),
        ({"gpus": "0"}, "gpus is 0 and gres 'gpu:L40S'"),
        ({"memory": "lots"}, "memory cannot be 'lots'"),
        ({"sif": "null"}, "sif: expected str"),
        ({"tracking": "sometimes"}, "unknown tracking 'sometimes'; choose one of disabled, offline, online"),
        ({"overrides": "[tracking=online]"}, "'tracking=online' is for the key tracking to say"),
        ({"modules": "apptainer"}, r"modules: expected list\[str\]"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        cluster_config.load(write(tmp_path, **changes))


@pytest.mark.parametrize("value", ["a b", "a'b", "$(id)", "`id`", "a\\nb", "-x", "a;id", "", "a#b"])
@pytest.mark.parametrize("key", ["account", "partition", "qos", "gres", "memory", "modules"])
def test_a_hostile_word_is_refused(tmp_path: Path, key: str, value: str) -> None:
    text = f'"{value}"' if key != "modules" else f'["{value}"]'
    with pytest.raises(UserError, match=f"{key}.* cannot be"):
        cluster_config.load(write(tmp_path, **{key: text}))


@pytest.mark.parametrize(
    "value", ["a'b", "$(id)", "`id`", "a\\nb", "-x", "a\\tb", "", "%u", "${name}", "a,b"]
)
@pytest.mark.parametrize("key", ["sif", "logs", "runs", "binds"])
def test_a_hostile_folder_is_refused(tmp_path: Path, key: str, value: str) -> None:
    text = f'"{value}"' if key != "binds" else f'["{value}"]'
    with pytest.raises(UserError, match=f"{key}.* cannot be"):
        cluster_config.load(write(tmp_path, **{key: text}))


def test_a_newline_in_an_override_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="control character"):
        cluster_config.load(write(tmp_path, overrides='["seed=1\\n#SBATCH --account=x"]'))
