"""Writes `models.config`: `python -m keras_pose.serving.models_config --savedmodels_dir=savedmodels`.

The file tells TensorFlow Serving which models are in a folder, which versions of them to load and
which labels clients may use instead of version numbers. It is generated from the folders, so write it
again after an export; a server started with `--model_config_file_poll_wait_seconds` rereads it.
"""

import dataclasses
import os
import re
from collections.abc import Collection
from pathlib import Path

from keras_pose.files import write_file
from keras_pose.train.binary import run_binary
from keras_pose.train.config import option

# Where the compose file, the Kubernetes manifest and TensorFlow Serving's own image expect models.
SERVED_FOLDER = "/models"
_HEADER = """\
# Written by python -m keras_pose.serving.models_config; do not edit.
# A label names a version that may not be loaded yet when the server starts: start it with
# --allow_version_labels_for_unavailable_models=true.
"""
_ENTRY = """\
  config {{
    name: "{name}"
    base_path: "{served}/{name}"
    model_platform: "tensorflow"
    model_version_policy {{ specific {{ {versions} }} }}
{labels}
  }}
"""
_LABEL = '    version_labels {{ key: "{label}" value: {version} }}'


def served_versions(root: str | os.PathLike) -> dict[str, list[int]]:
    """Find the models below a folder.

    Args:
        root: folder of all served models, `<root>/<name>/<version>/saved_model.pb`.

    Returns:
        Model name -> its versions, ascending; names in alphabetical order.
    """
    found: dict[str, list[int]] = {}
    for path in Path(root).glob("*/*/saved_model.pb"):
        name, version = path.parts[-3], path.parts[-2]
        # As the server reads them: hidden folders and names that are no number are no version.
        if re.fullmatch(r"\w[\w.-]*", name, re.ASCII) and re.fullmatch(r"[1-9]\d*", version):
            found.setdefault(name, []).append(int(version))
    return {name: sorted(found[name]) for name in sorted(found)}


def models_config(
    root: str | os.PathLike, canaries: Collection[str] = (), served_folder: str = SERVED_FOLDER
) -> str:
    """Return the text of `models.config` for the models below a folder.

    The newest version of a model is labelled `stable` and is the only one loaded. Of a model named in
    `canaries`, the newest is labelled `canary` and the one before stays `stable`; both are loaded.

    Args:
        root: folder of all served models.
        canaries: names of the models whose newest version is on trial.
        served_folder: where the server sees `root`.

    Returns:
        A `tensorflow.serving.ModelServerConfig` as text.

    Raises:
        ValueError: if there is no model, or a canary has no model or no older version.
    """
    models = served_versions(root)
    if not models:
        raise ValueError(
            f"{os.fspath(root)} holds no <name>/<version>/saved_model.pb: export first."
        )
    for name in canaries:
        if len(models.get(name, ())) < 2:
            raise ValueError(
                f"{name!r} cannot have a canary, since it has {len(models.get(name, ()))} version(s) "
                f"in {os.fspath(root)}: export a second one first."
            )
    entries = []
    for name, versions in models.items():
        labels = {"stable": versions[-1]}
        if name in canaries:
            labels = {"stable": versions[-2], "canary": versions[-1]}
        lines = [_LABEL.format(label=label, version=n) for label, n in labels.items()]
        loaded = " ".join(f"versions: {n}" for n in labels.values())
        entries.append(
            _ENTRY.format(
                name=name,
                served=served_folder.rstrip("/"),
                versions=loaded,
                labels="\n".join(lines),
            )
        )
    return _HEADER + "model_config_list {\n" + "".join(entries) + "}\n"


@dataclasses.dataclass(frozen=True)
class ServedConfig:
    """Settings of `models.config`; field = flag."""

    savedmodels_dir: str = option(
        "savedmodels",
        "Folder of all served models, where models.config is written.",
        exists="folder",
    )
    canaries: str = option(
        "",
        "Models whose newest version is labelled canary next to the stable one, separated by "
        "commas.",
    )
    served_folder: str = option(SERVED_FOLDER, "Path under which the server sees savedmodels_dir.")


def main(settings: ServedConfig) -> None:
    """Do what the settings ask for."""
    canaries = [name for name in settings.canaries.split(",") if name]
    text = models_config(settings.savedmodels_dir, canaries, settings.served_folder)
    print(f"Wrote {write_file(Path(settings.savedmodels_dir) / 'models.config', text)}.")
    count = len(served_versions(settings.savedmodels_dir))
    print(f"{count} models. Next: start a server on them, see docs/serving.md.")


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary(main, ServedConfig)


if __name__ == "__main__":
    run_main()
