"""The wheel holds recipes and small models, and finds them without a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from keras_pose.train.shipped import expand_recipes, shipped_path

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_holds_recipes_and_small_models(tmp_path):
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("keras_pose", "flags", "savedmodels", "setup.py", "pyproject.toml", "README.md"):
        (tree / name).symlink_to(ROOT / name)
    for name in ("LICENSE", "MANIFEST.in"):
        (tree / name).symlink_to(ROOT / name)
    subprocess.run([*pip, "-w", tmp_path, tree], check=True, capture_output=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    recipes = {path.relative_to(ROOT / "flags") for path in (ROOT / "flags").rglob("*.flags")}
    assert {f"keras_pose/recipes/{path.as_posix()}" for path in recipes} <= names
    for model in ("tips_cmu/1", "tips_cmu/3", "hand_student/3", "body_student/3"):
        assert f"keras_pose/models/{model}/saved_model.pb" in names
        assert f"keras_pose/models/{model}/variables/variables.index" in names


def test_recipes_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wanted = str(ROOT / "flags/tips/two_generators.flags")
    given = ["x", "--recipe=tips/two_generators", "--flagfile=flags/tips/two_generators.flags"]
    assert expand_recipes(given) == ["x", f"--flagfile={wanted}", f"--flagfile={wanted}"]
    assert shipped_path("savedmodels/tips_cmu") == str(ROOT / "savedmodels/tips_cmu")
    # What is there itself comes first, and what is nowhere stays as it was given.
    (tmp_path / "flags").mkdir()
    assert shipped_path("flags") == "flags"
    assert shipped_path("flags/none.flags") == "flags/none.flags"
    with pytest.raises(ValueError, match=r"--recipe=tips/solos: .*tips/solo, tips/student"):
        expand_recipes(["--recipe=tips/solos"])
    words = "--recipe=nonsense: .* begin with lifter_motion, lifter_student, peclr, tips, wild3d"
    with pytest.raises(ValueError, match=words):
        expand_recipes(["--recipe=nonsense"])
