#!/usr/bin/env python3
r"""Asks a TensorFlow Serving server over REST for hand and body poses; needs Python alone.

    rest_client.py status   --model=hand_student
    rest_client.py metadata --model=hand_student
    rest_client.py predict  --model=hand_student photo.jpg --box=40,60,200,220 \
        --focal_px=900 --bone_length_m=0.045

Prints strict JSON. The inputs, outputs, units and frames are described in docs/serving.md.
"""

import argparse
import base64
import http.client
import json
import math
import os
import struct
import sys
import urllib.error
import urllib.parse
import urllib.request


class ClientError(Exception):
    """What went wrong, in one sentence for the user."""


def ask(url, body=None, timeout=30.0):
    """Send one request, a POST if there is a body, and return the answer's JSON as a dict."""
    data = None if body is None else json.dumps(body, allow_nan=False).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    local = urllib.parse.urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    handlers = [urllib.request.ProxyHandler({})] if local else []
    refused = None
    try:
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
                text = answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            refused, text = error.code, error.read().decode(errors="replace")
    except TimeoutError:
        raise ClientError(
            f"{url} did not answer in {timeout:g} s: give a longer --timeout."
        ) from None
    except (OSError, ValueError) as error:
        if isinstance(getattr(error, "reason", None), TimeoutError):
            raise ClientError(f"{url} did not answer in {timeout:g} s.") from None
        raise ClientError(
            f"{url} cannot be reached ({getattr(error, 'reason', error)}): is the server running?"
        ) from None
    except http.client.InvalidURL as error:
        raise ClientError(f"{url} is no address ({error}): give --server=HOST:PORT.") from None
    except http.client.IncompleteRead:
        raise ClientError(f"{url} broke off in the middle of its answer: ask again.") from None
    except http.client.HTTPException:
        raise ClientError(f"{url} does not speak HTTP: is this the REST port?") from None
    if refused is not None:
        try:
            text = json.loads(text)["error"]
        except (ValueError, KeyError, TypeError):
            pass
        raise ClientError(f"{url} answered {refused}: {' '.join(str(text).split())}")
    answer = strict_json(text, url)
    if not isinstance(answer, dict):
        raise ClientError(f"{url} answered with JSON that is no object: is this the REST port?")
    return answer


def strict_json(text, source, does="answered with"):
    """Parse JSON and refuse the tokens NaN and Infinity, which servers write and JSON forbids."""

    def refuse(token):
        raise ClientError(f"{source} {does} {token}, which is no JSON.")

    try:
        return json.loads(text, parse_constant=refuse)
    except ValueError:
        raise ClientError(f"{source} {does} something else than JSON.") from None


def inputs_of(path):
    """Return the inputs {name: list [N, ...]} of a JSON file."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        inputs = strict_json(file.read(), path, "holds")
    columns = list(inputs.values()) if isinstance(inputs, dict) else []
    counts = {len(column) if isinstance(column, list) else 0 for column in columns}
    if len(counts) != 1 or 0 in counts:
        raise ClientError(f"{path} must hold an object with a list per input, all of as many rows.")
    return inputs


def model_url(server, model, version=None, label=None):
    """Return the address of a model, or of one version by number or label."""
    url = server if "://" in server else f"http://{server}"
    url = f"{url.rstrip('/')}/v1/models/{urllib.parse.quote(model)}"
    if version is not None:
        return f"{url}/versions/{version}"
    return url if label is None else f"{url}/labels/{urllib.parse.quote(label)}"


def status(server, model, timeout=30.0, **which):
    """Return the versions of a model and whether they are AVAILABLE."""
    return ask(model_url(server, model, **which), timeout=timeout)


def metadata(server, model, timeout=30.0, **which):
    """Return the signatures of a model, as the server lists them."""
    return ask(f"{model_url(server, model, **which)}/metadata", timeout=timeout)


def predict(server, model, inputs, signature, row=False, timeout=30.0, **which):
    """Return outputs {name: list [N, ...]} for inputs {name: list [N, ...]}; bytes go as base64.

    `row` sends one object per picture (`instances`), otherwise one list per input (`inputs`).
    """
    body = {"signature_name": signature}
    columns = {name: [jsonable(value) for value in values] for name, values in inputs.items()}
    if row:
        body["instances"] = [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]
    else:
        body["inputs"] = columns
    url = f"{model_url(server, model, **which)}:predict"
    answer = ask(url, body, timeout)
    outputs = answer.get("predictions" if row else "outputs")
    if row and isinstance(outputs, list) and outputs and isinstance(outputs[0], dict):
        alike = all(isinstance(one, dict) and set(one) == set(outputs[0]) for one in outputs)
        outputs = {name: [one[name] for one in outputs] for name in outputs[0]} if alike else None
    if not outputs or not isinstance(outputs, dict | list):
        raise ClientError(f"{url} answered without outputs.")
    # A server drops the name of an only output.
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def jsonable(value):
    """Bytes in the form that TensorFlow Serving decodes; everything else as it is."""
    return {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def picture_size(content):
    """(width, height, EXIF orientation) of JPEG or PNG bytes from their header, or None."""
    if content[:8] == b"\x89PNG\r\n\x1a\n" and len(content) >= 24:
        return (*struct.unpack(">II", content[16:24]), 1)
    orientation, position = 1, 2
    while content[:2] == b"\xff\xd8" and position + 9 <= len(content) and content[position] == 0xFF:
        marker, length = struct.unpack(">BH", content[position + 1 : position + 4])
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD7:  # padding and markers without length
            position += 1 if marker == 0xFF else 2
            continue
        # Frame headers of all kinds of JPEG; C4, C8 and CC lie between them and are none.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[position + 5 : position + 9])
            return width, height, orientation
        if marker == 0xE1 and content[position + 4 : position + 10] == b"Exif\0\0":
            orientation = exif_orientation(content[position + 10 : position + 2 + length])
        position += 2 + length
    return None


def exif_orientation(exif):
    """Return the orientation, 1 to 8, of an EXIF block, or 1 where it names none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    try:
        (start,) = struct.unpack(order + "I", exif[4:8])
        (count,) = struct.unpack(order + "H", exif[start : start + 2])
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack(order + "HHIH", exif[entry : entry + 10])
            if tag == 0x0112:
                return value
    except (TypeError, struct.error):
        pass
    return 1


def numbers(text, count, flag):
    """`count` numbers separated by commas."""
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        raise ClientError(f"--{flag}={text} is not {count} numbers separated by commas.")
    return values


def picture_inputs(args):
    """Return the inputs {name: list [N, ...]} that the flags describe."""
    pictures, sizes = [], []
    for path in args.pictures:
        try:
            with open(path, "rb") as file:
                pictures.append(file.read())
        except OSError as error:
            raise ClientError(f"{path} cannot be read: {error.strerror}.") from None
        # What has no header is sent all the same: the server answers it with valid 0.
        width, height, orientation = picture_size(pictures[-1]) or (0, 0, 1)
        if orientation != 1 and not args.as_stored:
            raise ClientError(
                f"{path} is stored turned (EXIF orientation {orientation}), which servers do not "
                "read: save it upright, or give --as_stored with boxes of the stored pixels."
            )
        sizes.append((width, height))
    inputs = {"image_bytes": pictures}
    boxes = [numbers(box, 4, "box") for box in args.box or ()]
    has_camera = args.focal_px is not None or args.camera is not None
    if len(boxes) not in (0, 1, len(pictures)):
        raise ClientError(
            f"{len(boxes)} --box for {len(pictures)} pictures: give one, or one each."
        )
    if args.everybody and (boxes or args.hand or not has_camera):
        raise ClientError(
            "--everybody finds boxes itself and needs a camera: give --focal_px or --camera, and "
            "neither --box nor --hand."
        )
    if (boxes or has_camera or args.hand) and not args.everybody:
        whole = [[0.0, 0.0, float(width), float(height)] for width, height in sizes]
        inputs["bbox"] = boxes * (len(pictures) if len(boxes) == 1 else 1) or whole
    if has_camera:
        if args.bone_length_m is None:
            raise ClientError("A camera needs --bone_length_m, a known length, to give metres.")
        cameras = [(args.focal_px, args.focal_px, width / 2, height / 2) for width, height in sizes]
        if args.camera is not None:
            cameras = [numbers(args.camera, 4, "camera")] * len(pictures)
        inputs["K"] = [[[fx, 0, cx], [0, fy, cy], [0, 0, 1]] for fx, fy, cx, cy in cameras]
        inputs["bone_length_m"] = [[args.bone_length_m]] * len(pictures)
    elif args.hand or args.bone_length_m is not None:
        raise ClientError("--hand and --bone_length_m need --focal_px or --camera.")
    if args.hand:
        inputs["is_left"] = [[int(args.hand == "left")]] * len(pictures)
    return inputs


def signature_for(inputs):
    """Return the signature of docs/serving.md that takes these inputs."""
    if "is_left" in inputs:
        return "serve_sided"
    if "K" in inputs:
        return "serving_default" if "bbox" in inputs else "serve_found"
    return "serve_box" if "bbox" in inputs else "serve_bytes"


def finite(word):
    """Return the number of a flag."""
    if not math.isfinite(float(word)):
        raise argparse.ArgumentTypeError(f"{word} is no number")
    return float(word)


def seconds(word):
    """Return the time of a flag, which sockets can wait for."""
    if not 0 < float(word) <= 1e6:
        raise argparse.ArgumentTypeError(f"{word} s is not between 0 and 1000000 s")
    return float(word)


def parser():
    """Return the command line."""
    about = __doc__.splitlines()[0]
    parsed = argparse.ArgumentParser(description=about, allow_abbrev=False)
    parsed.add_argument("command", choices=["status", "metadata", "predict"])
    parsed.add_argument("pictures", nargs="*", help="JPEG or PNG files, one batch")
    parsed.add_argument(
        "--server", default="localhost:8501", help="HOST:PORT or address of the REST port"
    )
    parsed.add_argument("--model", required=True)
    which = parsed.add_mutually_exclusive_group()
    which.add_argument("--version", type=int)
    which.add_argument("--label", help="a version label, such as stable or canary")
    parsed.add_argument("--signature", help="by default the one that takes the inputs given")
    parsed.add_argument(
        "--box", action="append", metavar="X,Y,W,H", help="pixels; one, or one per picture"
    )
    parsed.add_argument(
        "--everybody", action="store_true", help="all hands or persons; for models of make models"
    )
    camera = parsed.add_mutually_exclusive_group()
    camera.add_argument(
        "--focal_px", type=finite, help="focal length; the lens looks at the middle"
    )
    camera.add_argument(
        "--camera", metavar="FX,FY,CX,CY", help="pixels; 0.5 is the first pixel's centre"
    )
    parsed.add_argument(
        "--bone_length_m", type=finite, help="the length that metadata.json describes"
    )
    parsed.add_argument("--hand", choices=["left", "right"], help="which hand the pictures show")
    parsed.add_argument(
        "--inputs_json", help="file with {input: list [N, ...]} instead of pictures"
    )
    parsed.add_argument("--as_stored", action="store_true", help="do not mind EXIF orientation")
    parsed.add_argument("--row", action="store_true", help="send row by row instead of columns")
    parsed.add_argument("--output", help="write the JSON here instead of printing it")
    parsed.add_argument("--timeout", type=seconds, default=30.0, help="seconds")
    return parsed


def answer_of(args):
    """Return what the command asks for, as JSON-ready values."""
    which = {"version": args.version, "label": args.label}
    if args.command != "predict":
        if args.pictures:
            raise ClientError(f"{args.command} takes no pictures: predict does.")
        call = status if args.command == "status" else metadata
        return call(args.server, args.model, args.timeout, **which)
    if bool(args.pictures) == bool(args.inputs_json):
        raise ClientError("predict takes pictures or --inputs_json: give one of them.")
    if args.inputs_json:
        inputs = inputs_of(args.inputs_json)
        signature = args.signature or "serving_default"
    else:
        inputs = picture_inputs(args)
        signature = args.signature or signature_for(inputs)
    outputs = predict(args.server, args.model, inputs, signature, args.row, args.timeout, **which)
    about = {"model": args.model, "signature": signature, "pictures": args.pictures}
    return {**about, "outputs": outputs}


def main(arguments=None):
    """Run one command; return the exit code."""
    # Flags may stand before, between and behind the pictures.
    args = parser().parse_intermixed_args(arguments)
    try:
        text = json.dumps(answer_of(args), allow_nan=False)
        if args.output:
            with open(args.output, "w", encoding="utf-8") as file:
                file.write(text + "\n")
        else:
            print(text, flush=True)
    except BrokenPipeError:
        # Python would say so once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("ERROR: ended before the server answered.", file=sys.stderr)
        return 130
    except (ClientError, OSError, ValueError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
