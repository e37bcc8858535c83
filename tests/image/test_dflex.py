"""dflex is a requirement like any other: pinned in one place, installed by pip, and nowhere else fetched."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pwm.envs.dflex import package
from pwm.errors import UserError
from pwm.suite.image import build, source

TOP = source.checkout()
LOCK = TOP / "pwm" / "suite" / "image" / "dflex.lock"


def requirements() -> list[str]:
    return [line for line in LOCK.read_text().splitlines() if re.match(r"\w", line)]


def test_it_is_one_requirement_of_a_commit_and_all_others_are_exact() -> None:
    itself, *others = requirements()
    assert itself == package.REQUIREMENT
    assert re.fullmatch(r"git\+https://\S+@[0-9a-f]{40}#subdirectory=dflex", str(Requirement(itself).url))
    assert others and all("==" in line for line in others)


def test_the_images_label_is_the_commit_of_the_lock(tmp_path: Path) -> None:
    assert f"@{build._dflex_label(TOP, None)}#" in package.REQUIREMENT
    assert build._dflex_label(TOP, tmp_path) == "a folder"


def test_nothing_else_in_the_repository_fetches_or_unpacks_it() -> None:
    """Neither a script nor the image's recipe: pip does."""
    listed = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    recipe = re.compile(r"\bgit (?:-C \S+ )?(?:clone|fetch|archive|init)\b|\bpatch -p|DiffRL\.git")
    allowed = {LOCK, TOP / "pwm" / "envs" / "dflex" / "package.py", Path(__file__)}
    for name in filter(None, listed.stdout.split("\0")):
        path = TOP / name
        if path in allowed or path.suffix not in (".py", ".sh", ".def", "") or path.parts[-2:][0] == "jobs":
            continue
        if "tests" in path.parts or not path.is_file():
            continue
        assert not recipe.search(path.read_text(errors="replace")), name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What there is of dflex in a checkout of its repository, in small."""
    (tmp_path / "dflex" / "dflex").mkdir(parents=True)
    (tmp_path / "dflex" / "dflex" / "adjoint.py").write_text("")
    (tmp_path / "dflex" / "setup.py").write_text("")
    return tmp_path / "dflex"


def test_a_folder_is_what_pip_installs_also_where_the_package_in_it_is_named(folder: Path) -> None:
    for named in (folder, folder / "dflex"):
        assert build._dflex(named) == folder
        with source.context(TOP, build._dflex(named)) as archive, tarfile.open(fileobj=archive) as tar:
            assert "image-inputs/dflex/setup.py" in tar.getnames()


def test_a_folder_of_something_else_is_refused(folder: Path) -> None:
    (folder / "setup.py").unlink()
    for named in (folder, folder / "dflex", folder.parent, folder / "nowhere"):
        with pytest.raises(
            UserError, match=r"is not dflex's source: it has no setup\.py.*checkout of DiffRL"
        ):
            build._dflex(named)
