#!/bin/bash
# get_dflex.sh WANTED REPOSITORY COMMIT TARGET: install dflex of that commit, and what it needs, into TARGET/dflex,
# from ./dflex where the build context brought it along. With WANTED=0 TARGET stays empty.
set -euo pipefail
wanted=$1 repository=$2 commit=$3 target=$4

mkdir -p "$target"
[ "$wanted" != 0 ] || exit 0
if [ -d dflex ]; then
    cp -r dflex "$target/dflex"
else
    if [ -e ca.crt ]; then export GIT_SSL_CAINFO=$PWD/ca.crt; fi
    git init --quiet checkout
    git -C checkout fetch --quiet --depth 1 "$repository" "$commit"
    git -C checkout archive FETCH_HEAD dflex | tar -x
    cp -r "$([ -d dflex/dflex ] && echo dflex/dflex || echo dflex)" "$target/dflex"
fi
if [ -e ca.crt ]; then export PIP_CERT=$PWD/ca.crt; fi
pip install --constraint requirements.lock --requirement dflex.lock
echo "$target" > "$(python -c 'import site; print(site.getsitepackages()[0])')/dflex.pth"
