"""Lists the commands of the package, and runs one: `keras-pose tips-train --help`."""

import importlib
import importlib.metadata
import sys

from keras_pose.train.help import print_all


def run_main() -> None:
    """List the commands with a line each, or run the one that is named."""
    found = importlib.metadata.entry_points(group="console_scripts")
    commands = {
        entry.name.removeprefix("keras-pose-"): entry
        for entry in found
        if entry.name.startswith("keras-pose-")
    }
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in commands:
        sys.argv = [f"keras-pose-{name}", *sys.argv[2:]]
        commands[name].load()()
        return
    if name not in ("--help", "-h", "help"):
        print(f"ERROR: {name!r} is no command; keras-pose alone lists them.", file=sys.stderr)
        sys.exit(1)
    lines = [
        "Usage: keras-pose <command> --name=value ...; --help after a command lists its flags.\n"
    ]
    for command, entry in sorted(commands.items()):
        what = (importlib.import_module(entry.module).__doc__ or "").splitlines()[0]
        lines.append(f"  {command:<20} {what.split(': `')[0]}")
    print_all("\n".join(lines) + "\n")


if __name__ == "__main__":
    run_main()
