#!/usr/bin/env python3
"""Checks a running server against the contract of docs/serving.md, through both clients.

    check_server.py --rest=localhost:8501 --grpc=localhost:8500

Every signature of every model is asked over REST, in columns and in rows, and over gRPC. Answers must be
strict JSON, finite and batch-first, agree with each other and with the SavedModel run here; a picture
that cannot be decoded, an empty box, a singular camera and a length of zero must clear their own `valid`
and change nothing in their neighbours.
"""

import argparse
import json
import math
import re
import struct
import sys
import zlib
from pathlib import Path

import rest_client

try:
    import grpc_client
except ImportError as error:
    grpc_client, NO_GRPC = None, f"{error.name} is not installed"

ROWS = 3
WIDTH, HEIGHT = 64, 48
# Of the largest number in an output: server, client and SavedModel may use different kernels.
TOLERANCE = 1e-4


class Fault(Exception):
    """What a server answered wrongly, in one sentence."""


def picture(shift):
    """Rows [H][W][3] of a colourful picture, different for every shift."""
    return [
        [
            [(4 * x + shift) % 256, (5 * y + 3 * shift) % 256, (x * y + shift) % 256]
            for x in range(WIDTH)
        ]
        for y in range(HEIGHT)
    ]


def png(rows):
    """Return a PNG file of rows [H][W][3]."""

    def chunk(kind, content):
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    lines = b"".join(b"\0" + bytes(value for pixel in row for value in pixel) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


# Value of one row that clears this row's `valid`, and whether all its outputs are zero then.
UNUSABLE = {
    "image_bytes": (b"no picture", True),
    "bbox": ([8.0, 6.0, 0.0, 0.0], True),
    "K": ([[0.0] * 3] * 3, False),
    "bone_length_m": ([0.0], False),
}


def sample(name, dtype, shape, length_m):
    """`ROWS` plausible values of one input, from the words of the contract or from its shape."""
    if name == "image_bytes":
        return [png(picture(60 * row)) for row in range(ROWS)]
    if name == "bbox":
        return [[8.0, 6.0 + row, 40.0, 36.0] for row in range(ROWS)]
    if name == "K":
        return [[[60.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]]] * ROWS
    if name == "bone_length_m":
        return [[length_m * (0.9 + 0.1 * row)] for row in range(ROWS)]
    if name == "is_left":
        return [[row % 2] for row in range(ROWS)]
    sizes = [WIDTH if size < 0 else size for size in shape[1:]]
    count = math.prod(sizes)

    def value(row, index):
        if dtype == "DT_UINT8":
            return (7 * index + 50 * row) % 256
        if name == "depth":
            # A hand's depth is in bone lengths, and no bone reaches farther back than it is long.
            return 0.3 * math.sin(1.7 * index + row)
        return 30.0 + 25.0 * math.sin(1.7 * index + row)

    def nested(flat, sizes):
        if not sizes:
            return flat[0]
        step = len(flat) // sizes[0]
        return [nested(flat[i * step : (i + 1) * step], sizes[1:]) for i in range(sizes[0])]

    return [nested([value(row, index) for index in range(count)], sizes) for row in range(ROWS)]


def flat(value):
    """Return the numbers of nested lists, in order."""
    if isinstance(value, list):
        return [number for one in value for number in flat(one)]
    return [value]


def agree(found, wanted, what):
    """Raise `Fault` unless two answers {name: nested lists} agree to `TOLERANCE`."""
    if set(found) != set(wanted):
        raise Fault(f"{what}: outputs {sorted(found)} against {sorted(wanted)}")
    for name, value in wanted.items():
        ours, theirs = flat(found[name]), flat(value)
        if len(ours) != len(theirs):
            raise Fault(f"{what}: {name} has {len(ours)} numbers against {len(theirs)}")
        scale = 1.0 + max((abs(number) for number in theirs), default=0.0)
        worst = max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0)
        if not worst <= TOLERANCE * scale:
            raise Fault(f"{what}: {name} differs by {worst:.3g}")


def judge(outputs, what):
    """Raise `Fault` unless every output has `ROWS` rows of finite numbers."""
    for name, value in outputs.items():
        if not isinstance(value, list) or len(value) != ROWS:
            raise Fault(f"{what}: {name} is not batch-first")
        if not all(math.isfinite(number) for number in flat(value)):
            raise Fault(f"{what}: {name} is not finite")


def signatures_of(answer):
    """{signature: {input: (dtype, shape)}} of a REST metadata answer."""
    found = {}
    for name, definition in answer["metadata"]["signature_def"]["signature_def"].items():
        if name.startswith("__"):
            continue
        found[name] = {}
        for key, info in definition["inputs"].items():
            sizes = [int(one["size"]) for one in info["tensor_shape"].get("dim", [])]
            found[name][key] = (info["dtype"], sizes)
    return found


def run_saved_model(folder, signature, inputs):
    """Return the outputs of the SavedModel itself, run in this process."""
    import tensorflow as tf

    if folder not in _LOADED:
        _LOADED[folder] = tf.saved_model.load(str(folder))
    run = _LOADED[folder].signatures[signature]
    known = run.structured_input_signature[1]
    tensors = {name: tf.constant(value, known[name].dtype) for name, value in inputs.items()}
    outputs = run(**tensors)
    return {name: value.numpy().tolist() for name, value in outputs.items()}


_LOADED = {}


def typical_length_m(folder):
    """Return the bone length that a model's metadata.json calls typical, or a hand's."""
    try:
        described = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        return float(described["bone_length"]["typical_m"])
    except (OSError, KeyError, TypeError):
        return 0.045


def check_signature(args, model, signature, specs, folder, length_m):
    """Asks one signature every way; returns the ways."""
    inputs = {name: sample(name, *spec, length_m) for name, spec in specs.items()}

    def over_rest(inputs, row=False):
        answer = rest_client.predict(args.rest, model, inputs, signature, row, args.timeout)
        judge(answer, f"{model} {signature} over REST")
        return answer

    def over_grpc(inputs):
        typed = grpc_client.typed(args.grpc, model, inputs, signature, args.timeout)
        answer = grpc_client.predict(args.grpc, model, typed, signature, args.timeout)
        answer = {name: value.tolist() for name, value in answer.items()}
        judge(answer, f"{model} {signature} over gRPC")
        return answer

    what = f"{model} {signature}"
    answer = over_rest(inputs)
    ways = ["columns", "rows"]
    agree(over_rest(inputs, row=True), answer, f"{what}, rows against columns")
    if args.grpc:
        agree(over_grpc(inputs), answer, f"{what}, gRPC against REST")
        ways.append("gRPC")
    if folder is not None:
        agree(
            answer,
            run_saved_model(folder, signature, inputs),
            f"{what}, server against file",
        )
        ways.append("the SavedModel here")
    for name in UNUSABLE:
        if name in inputs and "valid" in answer:
            check_unusable(name, inputs, answer, over_rest, what)
            ways.append(f"unusable {name}")
    if args.grpc and "image_bytes" in inputs:
        check_unusable("image_bytes", inputs, answer, over_grpc, what)
    if "valid" in answer:
        ways.append(f"{sum(map(bool, answer['valid']))} of {ROWS} valid")
    return ways


def check_unusable(name, inputs, answer, ask, what):
    """Raise `Fault` unless an unusable middle row clears its own `valid` and no other output row."""
    value, all_zero = UNUSABLE[name]
    spoilt = ask({**inputs, name: [inputs[name][0], value, inputs[name][2]]})
    numbers = [
        one[1] for key, one in spoilt.items() if all_zero or key in ("valid", "keypoints_3d")
    ]
    if any(flat(numbers)):
        raise Fault(f"{what}: a row with an unusable {name} is answered with more than zeros")
    for row in (0, 2):
        of_row = [{key: one[row] for key, one in each.items()} for each in (spoilt, answer)]
        agree(*of_row, f"{what}: the neighbour of a row with an unusable {name}")


def check_model(args, model, version):
    """Check one model; print what was done and raise `Fault` or `ClientError`."""
    states = rest_client.status(args.rest, model, args.timeout)["model_version_status"]
    served = [int(one["version"]) for one in states if one["state"] == "AVAILABLE"]
    if not served:
        raise Fault(f"{model}: no version is AVAILABLE")
    if version is None:
        version = max(served)
    elif version not in served:
        raise Fault(f"{model}: version {version} is not AVAILABLE, only {served}")
    if args.grpc:
        grpc_client.status(args.grpc, model, args.timeout)
    folder = Path(args.models_dir) / model / str(version)
    length_m = typical_length_m(folder)
    folder = folder if max(served) == version and (folder / "saved_model.pb").is_file() else None
    try:
        import tensorflow  # noqa: F401 - only whether it is there
    except ImportError:
        folder = None
    if folder is None:
        print(f"not run: {model} against the SavedModel (no TensorFlow or no such version here)")
    listed = signatures_of(rest_client.metadata(args.rest, model, args.timeout))
    for signature, specs in sorted(listed.items()):
        ways = check_signature(args, model, signature, specs, folder, length_m)
        print(f"ok: {model} version {version} {signature}: {', '.join(ways)}")


def configured(models_dir):
    """{model: stable version, or None without such a label} of the models.config in a folder."""
    text = (Path(models_dir) / "models.config").read_text(encoding="utf-8")
    found = {}
    for block in re.split(r"^\s*config\s*:?\s*\{", text, flags=re.MULTILINE)[1:]:
        name = re.search(r'^\s*name\s*:\s*"([^"]+)"', block, re.MULTILINE)
        stable = re.search(r'key\s*:\s*"stable",?\s*value\s*:\s*(\d+)', block)
        if name:
            found[name[1]] = int(stable[1]) if stable else None
    return found


def main(arguments=None):
    """Check all models; return 0 if every one passed, 1 if not."""
    about = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    about.add_argument("--rest", required=True, help="HOST:PORT")
    about.add_argument("--grpc", help="HOST:PORT; left out, gRPC is not checked")
    about.add_argument(
        "--models_dir", default=str(Path(__file__).parent), help="holds models.config"
    )
    about.add_argument("--models", help="names with commas; by default those of models.config")
    about.add_argument(
        "--timeout", type=rest_client.seconds, default=60.0, help="seconds per request"
    )
    args = about.parse_args(arguments)
    if args.grpc is None or grpc_client is None:
        print(f"not run: gRPC ({'no --grpc was given' if args.grpc is None else NO_GRPC})")
        args.grpc = None
    clients_errors = (rest_client.ClientError, *([grpc_client.ClientError] if args.grpc else []))
    failed = 0
    try:
        versions = configured(args.models_dir)
    except OSError:
        versions = {}
    models = args.models.split(",") if args.models else list(versions)
    if not models:
        print(
            f"FAILED: {args.models_dir} has no models.config that names models: name them with --models."
        )
        return 1
    for model in models:
        try:
            check_model(args, model, versions.get(model))
        except (Fault, *clients_errors) as error:
            failed += 1
            print(f"FAILED: {error}")
        except (KeyError, TypeError, IndexError, json.JSONDecodeError) as error:
            failed += 1
            print(f"FAILED: {model}: the answer is not of the public API's form ({error!r})")
    print(f"{len(models) - failed} of {len(models)} models passed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
