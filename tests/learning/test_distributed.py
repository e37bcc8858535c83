from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

SCRIPT = Path(__file__).with_name("gradients.py")


def gradients(path: Path, processes: int) -> dict[str, torch.Tensor]:
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines=1", "--mixed_precision=no"]
    launch += [f"--num_processes={processes}", "--dynamo_backend=no", "--main_process_port=0"]
    launch += ["--num_cpu_threads_per_process=1", *(["--multi_gpu"] if processes > 1 else ["--cpu"])]
    subprocess.run([*launch, str(SCRIPT), str(path)], check=True, capture_output=True, timeout=300)
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
