#!/bin/bash
# What `apptainer test` runs: two tiny epochs on the embedded Ant and, with a GPU, a product of matrices and a step
# of dflex. Needs nothing but a writable /tmp.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

device=$(python -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
pwm train alg=mt_flow_v3 scale=demo size=tiny num_envs=16 max_epochs=2 device="$device" run="$folder/run"
[ "$(wc -l < run/metrics.jsonl)" = 2 ]

if [ "$device" = cuda ]; then
    python -c 'import torch; x = torch.eye(64, device="cuda"); assert torch.equal(x @ x, x)'
    pwm bench env=dflex_ant size=tiny num_envs=16
fi
echo 'pwm image test passed'
