from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent


def run(script: str, path: Path, processes: int) -> None:
    """Run ``script`` in so many processes; it leaves its result in ``path``."""
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines=1", "--mixed_precision=no"]
    launch += [f"--num_processes={processes}", "--dynamo_backend=no", "--main_process_port=0"]
    launch += ["--num_cpu_threads_per_process=1", *(["--multi_gpu"] if processes > 1 else ["--cpu"])]
    subprocess.run([*launch, str(HERE / script), str(path)], check=True, capture_output=True, timeout=300)


def gradients(path: Path, processes: int) -> dict[str, torch.Tensor]:
    run("gradients.py", path, processes)
    loaded: dict[str, torch.Tensor] = torch.load(path)
    return loaded


def test_two_processes_give_the_gradients_of_one_on_the_joined_batch(tmp_path: Path) -> None:
    one, two = (gradients(tmp_path / f"{n}.pt", n) for n in (1, 2))
    assert one.keys() == two.keys()
    for name, gradient in one.items():
        assert gradient is not None, name
        assert torch.allclose(two[name], gradient, atol=1e-5 * float(gradient.abs().max()) + 1e-7), name
    assert {name.split(".")[0] for name, g in one.items() if g.abs().max() > 0} == {
        "world_model",
        "actor",
        "critic",
        "termination",
    }


def test_processes_keep_equal_embeddings_of_tasks_that_their_batches_lack(tmp_path: Path) -> None:
    run("embeddings.py", tmp_path / "embeddings.pt", 2)
    first, second = torch.load(tmp_path / "embeddings.pt")
    assert torch.equal(first, second)
    assert (first.norm(dim=1) <= 1 + 1e-6).all()
