"""The other end of `torch_step.py` and its like: PyTorch in a process and an environment of its own."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent


class TorchProcess:
    """Starts the yardstick and sends it commands.

    Args:
        python: a Python that can import torch and numpy.
        num_threads: threads for PyTorch.
        folder: where arrays are exchanged.
        script: file beside this one that answers the commands.

    Raises:
        ValueError: if that Python cannot run the script.
    """

    name = "pytorch"

    def __init__(
        self,
        python: str,
        num_threads: int,
        folder: str | os.PathLike,
        script: str = "torch_step.py",
    ) -> None:
        self.python = python
        self.script = script
        self.folder = Path(folder)
        environment = os.environ | {"OMP_NUM_THREADS": str(num_threads)}
        try:
            self.process = subprocess.Popen(
                [python, os.fspath(_FOLDER / script), str(num_threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
        except OSError as error:
            raise ValueError(
                f"--torch_python={python} cannot be started ({error.strerror}); give the python of an "
                "environment with torch and numpy."
            ) from error
        self.versions = self._answer()

    def ask(self, command: str, **arguments) -> dict:
        """Send one command and wait for its answer.

        Args:
            command: method of the script's `Server`.
            **arguments: its arguments, as JSON knows them.

        Returns:
            The answer.

        Raises:
            ValueError: if the process has ended.
        """
        try:
            self.process.stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise ValueError(self._end()) from error
        return self._answer()

    def save(self, name: str, arrays: dict[str, np.ndarray]) -> str:
        """Write arrays where the process can read them.

        Args:
            name: file name without suffix.
            arrays: name to array.

        Returns:
            The path.
        """
        path = self.folder / f"{name}.npz"
        np.savez(path, **{key: np.asarray(value) for key, value in arrays.items()})
        return os.fspath(path)

    def time(self, batch_size: int, num_steps: int) -> float:
        """Seconds for some training steps, by its own clock."""
        return self.ask("time", batch_size=batch_size, num_steps=num_steps)["seconds"]

    def close(self) -> None:
        """End the process, if it has not ended, and let go of its pipes."""
        self.process.communicate()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise ValueError(self._end())
        return json.loads(line)

    def _end(self) -> str:
        self.close()
        return (
            f"--torch_python={self.python}: {self.script} ended with code "
            f"{self.process.returncode}, see above; the environment needs torch and numpy, and the "
            "largest batch of TIPS some 15 GB of memory."
        )
