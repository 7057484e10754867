#!/usr/bin/env python3
r"""Asks a TensorFlow Serving server over gRPC for hand and body poses.

    grpc_client.py status   --model=hand_student
    grpc_client.py metadata --model=hand_student
    grpc_client.py predict  --model=hand_student photo.jpg --box=40,60,200,220 \
        --focal_px=900 --bone_length_m=0.045

Needs `pip install tensorflow-serving-api`. Prints strict JSON. The inputs, outputs, units and frames are
described in docs/serving.md.
"""

import argparse
import json
import math
import os
import sys

import cv2
import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

# Encoded pictures of a batch soon pass gRPC's limit of 4 MB.
_NO_LIMIT = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class ClientError(Exception):
    """What went wrong, in one sentence for the user."""


def call(server, service, method, request, timeout):
    """Call one method of one service and return its answer."""
    options = list(_NO_LIMIT)
    if server.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]"):
        options.append(("grpc.enable_http_proxy", 0))
    with grpc.insecure_channel(server, options) as channel:
        try:
            return getattr(service(channel), method)(request, timeout=timeout)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                text = f"did not answer in {timeout:g} s: give a longer --timeout."
            elif error.code() == grpc.StatusCode.UNAVAILABLE:
                text = "cannot be reached: is the server running?"
            else:
                text = f"answered {error.code().name}: {' '.join(str(error.details()).split())}"
            raise ClientError(f"{server} {text}") from None


def name_model(spec, model, version=None, label=None):
    """Fill a ModelSpec in."""
    spec.name = model
    if version is not None:
        spec.version.value = version
    elif label is not None:
        spec.version_label = label


def status(server, model, timeout=30.0, **which):
    """Return the versions of a model and whether they are AVAILABLE, as JSON-ready values."""
    request = get_model_status_pb2.GetModelStatusRequest()
    name_model(request.model_spec, model, **which)
    service = model_service_pb2_grpc.ModelServiceStub
    answer = call(server, service, "GetModelStatus", request, timeout)
    return json_format.MessageToDict(answer, preserving_proto_field_name=True)


def metadata(server, model, timeout=30.0, **which):
    """Return the signatures of a model, as JSON-ready values."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    name_model(request.model_spec, model, **which)
    service = prediction_service_pb2_grpc.PredictionServiceStub
    answer = call(server, service, "GetModelMetadata", request, timeout)
    return json_format.MessageToDict(answer, preserving_proto_field_name=True)


def predict(server, model, inputs, signature, timeout=30.0, **which):
    """Return outputs {name: array [N, ...]} for inputs {name: array [N, ...]} of the signature."""
    request = predict_pb2.PredictRequest()
    name_model(request.model_spec, model, **which)
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    service = prediction_service_pb2_grpc.PredictionServiceStub
    answer = call(server, service, "Predict", request, timeout)
    return {name: tf.make_ndarray(tensor) for name, tensor in answer.outputs.items()}


def typed(server, model, inputs, signature, timeout=30.0, **which):
    """Return inputs {name: list [N, ...]} as arrays of the types that the signature takes."""
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    name_model(request.model_spec, model, **which)
    service = prediction_service_pb2_grpc.PredictionServiceStub
    answer = call(server, service, "GetModelMetadata", request, timeout)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    known = signatures.signature_def[signature].inputs
    return {
        name: np.asarray(
            value, tf.as_dtype(known[name].dtype).as_numpy_dtype if name in known else None
        )
        for name, value in inputs.items()
    }


def upright(content):
    """(bytes of the picture turned as its EXIF says, width, height); sizes 0 if it is none."""
    encoded = np.frombuffer(content, np.uint8)
    flag = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        stored = cv2.imdecode(encoded, flag) if encoded.size else None
    except cv2.error:  # more pixels in the header than OpenCV takes
        stored = None
    if stored is None:
        # Sent all the same: the server answers it with valid 0.
        return content, 0, 0
    turned = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if turned.shape != stored.shape or not np.array_equal(turned, stored):
        content = cv2.imencode(".png", turned)[1].tobytes()
    return content, turned.shape[1], turned.shape[0]


def inputs_of(path):
    """Return the inputs {name: list [N, ...]} of a JSON file."""
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            inputs = json.load(file)
    except ValueError:
        raise ClientError(f"{path} holds something else than JSON.") from None
    columns = list(inputs.values()) if isinstance(inputs, dict) else []
    counts = {len(column) if isinstance(column, list) else 0 for column in columns}
    if len(counts) != 1 or 0 in counts:
        raise ClientError(f"{path} must hold an object with a list per input, all of as many rows.")
    return inputs


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
    """Return the inputs {name: list or array [N, ...]} that the flags describe."""
    pictures, sizes = [], []
    for path in args.pictures:
        try:
            with open(path, "rb") as file:
                content, width, height = upright(file.read())
        except OSError as error:
            raise ClientError(f"{path} cannot be read: {error.strerror}.") from None
        pictures.append(content)
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
        boxes = boxes * (len(pictures) if len(boxes) == 1 else 1) or whole
        inputs["bbox"] = np.float32(boxes)
    if has_camera:
        if args.bone_length_m is None:
            raise ClientError("A camera needs --bone_length_m, a known length, to give metres.")
        cameras = [(args.focal_px, args.focal_px, width / 2, height / 2) for width, height in sizes]
        if args.camera is not None:
            cameras = [numbers(args.camera, 4, "camera")] * len(pictures)
        rows = [[[fx, 0, cx], [0, fy, cy], [0, 0, 1]] for fx, fy, cx, cy in cameras]
        inputs["K"] = np.float32(rows)
        inputs["bone_length_m"] = np.full([len(pictures), 1], args.bone_length_m, np.float32)
    elif args.hand or args.bone_length_m is not None:
        raise ClientError("--hand and --bone_length_m need --focal_px or --camera.")
    if args.hand:
        inputs["is_left"] = np.full([len(pictures), 1], args.hand == "left", np.int32)
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
    parsed.add_argument(
        "pictures", nargs="*", help="JPEG or PNG files, one batch; turned as EXIF says"
    )
    parsed.add_argument("--server", default="localhost:8500", help="HOST:PORT of the gRPC port")
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
    parsed.add_argument("--output", help="write the JSON here instead of printing it")
    parsed.add_argument("--timeout", type=seconds, default=30.0, help="seconds")
    return parsed


def answer_of(args):
    """Return what the command asks for, as JSON-ready values."""
    which = {"version": args.version, "label": args.label}
    if args.command != "predict":
        if args.pictures:
            raise ClientError(f"{args.command} takes no pictures: predict does.")
        call_of = status if args.command == "status" else metadata
        return call_of(args.server, args.model, args.timeout, **which)
    if bool(args.pictures) == bool(args.inputs_json):
        raise ClientError("predict takes pictures or --inputs_json: give one of them.")
    if args.inputs_json:
        inputs = inputs_of(args.inputs_json)
        signature = args.signature or "serving_default"
        inputs = typed(args.server, args.model, inputs, signature, args.timeout, **which)
    else:
        inputs = picture_inputs(args)
        signature = args.signature or signature_for(inputs)
    outputs = predict(args.server, args.model, inputs, signature, args.timeout, **which)
    about = {"model": args.model, "signature": signature, "pictures": args.pictures}
    return {**about, "outputs": {name: value.tolist() for name, value in sorted(outputs.items())}}


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
