"""The clients of `savedmodels/`, which are files to copy and no package, as modules."""

import importlib.util
from pathlib import Path

KIT = Path(__file__).parents[2] / "savedmodels"


def _client(name):
    spec = importlib.util.spec_from_file_location(name, KIT / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REST, GRPC = _client("rest_client"), _client("grpc_client")
