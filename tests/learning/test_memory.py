from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from pwm.memory import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    print("no glibc"); sys.exit()
x = torch.ones(10_000_000)  # 40 MB
def work():
    return (x * 2 + 1).sum().item()
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    assert work() == 30_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    if done.stdout.strip() == "no glibc":
        pytest.skip("the C library is not glibc")
    return int(done.stdout)


def test_large_temporaries_are_not_mapped_afresh() -> None:
    assert faults("kept") < faults("freed") / 2
