"""Recipes and small models that come with the package, found wherever a command is run."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
# Folder of a checkout to its place in an installed package; setup.py maps the same.
_PLACES = {"flags": "recipes", "savedmodels": "models"}


def shipped_path(path: str) -> str:
    """Return where a path leads: itself if it is there, else what the package has under that name.

    Args:
        path: such as `flags/tips/solo.flags` or `savedmodels/tips_cmu`.
    """
    parts = Path(path).parts
    if not path or Path(path).exists() or parts[0] not in _PLACES:
        return path
    for root in (_PACKAGE.parent / parts[0], _PACKAGE / _PLACES[parts[0]]):
        if root.joinpath(*parts[1:]).exists():
            return str(root.joinpath(*parts[1:]))
    return path


def expand_recipes(arguments: list[str]) -> list[str]:
    """Return a command line whose recipes are paths of flagfiles that are there.

    Args:
        arguments: with `--recipe=tips/solo` or `--flagfile=flags/tips/solo.flags`.

    Raises:
        ValueError: if there is no such recipe; it names those of the same folder.
    """
    expanded = []
    for argument in arguments:
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and equals and name == "recipe":
            argument = f"--flagfile={_recipe(value)}"
        elif argument.startswith("-") and equals and name == "flagfile":
            argument = f"--flagfile={shipped_path(value)}"
        expanded.append(argument)
    return expanded


def _recipe(name: str) -> str:
    name = name.removeprefix("flags/").removesuffix(".flags")
    path = Path(shipped_path(f"flags/{name}.flags"))
    if path.is_file():
        return str(path)
    folder = Path(shipped_path(f"flags/{name.split('/')[0]}"))
    known = sorted(f"{folder.name}/{file.stem}" for file in folder.glob("*.flags"))
    if not known:
        # By way of a folder that surely is the package's: users may have a folder `flags` too.
        known = sorted(entry.name for entry in Path(shipped_path("flags/tips")).parent.glob("*/"))
        raise ValueError(
            f"--recipe={name}: there is no such recipe; begin with {', '.join(known)}."
        )
    raise ValueError(f"--recipe={name}: there is no such recipe; choose one of {', '.join(known)}.")
