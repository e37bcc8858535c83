#!/bin/bash
# Start munge and Slurm, wait until the node takes jobs, then run the command (default: stay).
set -euo pipefail

chmod 666 /dev/fuse
if [ ! -s /etc/munge/munge.key ]; then
    mungekey --force --create 2> /dev/null || dd if=/dev/urandom of=/etc/munge/munge.key bs=128 count=1 status=none
fi
chown munge:munge /etc/munge/munge.key
chmod 400 /etc/munge/munge.key
setpriv --reuid=munge --regid=munge --clear-groups munged
slurmctld
slurmd

for _ in $(seq 60); do
    [ "$(sinfo --noheader --format=%t 2> /dev/null)" = idle ] && break
    sleep 0.5
done
if [ "$(sinfo --noheader --format=%t)" != idle ]; then
    echo 'the node does not come up:' >&2
    tail -n 20 /var/log/slurm/*.log >&2
    exit 1
fi
echo 'cluster is up'
if [ $# -gt 0 ]; then exec "$@"; fi
exec sleep infinity
