"""What a trainer asks of an input worker: JSON over HTTP, beside TensorFlow's own data service.

An input worker takes three ports in a row: TensorFlow's dispatcher, which is the address that trainers
are given, TensorFlow's worker, and the requests of this module. Free of TensorFlow.
"""

import http.client
import json
import time
from typing import Any

DISPATCHER, WORKER, REQUESTS = 0, 1, 2
"""Which of the three ports each has."""
_SCHEME = "grpc://"
_PAUSE_S = 0.2


def read_addresses(text: str) -> tuple[str, ...]:
    """Read the addresses of a flag.

    Args:
        text: `grpc://host:port` of every input worker, commas between.

    Returns:
        `host:port` of each.

    Raises:
        ValueError: if one has another form or comes twice.
    """
    addresses = []
    for word in filter(None, map(str.strip, text.split(","))):
        host, _, port = word.removeprefix(_SCHEME).rpartition(":")
        if not word.startswith(_SCHEME) or not host or not port.isdigit():
            raise ValueError(
                f"--data_service names {word!r}, which is no address; write grpc://host:port, with "
                "commas between those of several input workers."
            )
        if not 0 < int(port) < 2**16 - REQUESTS:
            raise ValueError(
                f"--data_service={word}: there is no such port; give the --port of an input worker."
            )
        if f"{host}:{port}" in addresses:
            raise ValueError(f"--data_service names {word} twice; every input worker is one part.")
        addresses.append(f"{host}:{port}")
    return tuple(addresses)


def ask(
    address: str, question: str, content: dict[str, Any], timeout_s: float, patience_s: float = 0.0
) -> dict[str, Any]:
    """Ask an input worker.

    Args:
        address: `host:port` of its dispatcher.
        question: what for, a word.
        content: JSON-ready.
        timeout_s: seconds to wait for the answer.
        patience_s: seconds to try for while nobody listens there.

    Returns:
        The answer.

    Raises:
        OSError: if nobody answers.
        ValueError: if the worker refuses, in its own sentence, or is no input worker.
    """
    host, _, port = address.rpartition(":")
    end = time.monotonic() + patience_s
    while True:
        line = http.client.HTTPConnection(host.strip("[]"), int(port) + REQUESTS, timeout=timeout_s)
        try:
            line.request("POST", f"/{question}", json.dumps(content))
            answer = json.loads(line.getresponse().read())
            break
        except OSError:
            if time.monotonic() >= end:
                raise
            time.sleep(_PAUSE_S)
        except (http.client.HTTPException, ValueError) as error:
            raise ValueError(
                f"--data_service=grpc://{address}: what answers there is no input worker of keras_pose; "
                "start one with python -m keras_pose.data.input_worker."
            ) from error
        finally:
            line.close()
    if "refused" in answer:
        raise ValueError(f"--data_service=grpc://{address}: {answer['refused']}")
    return answer
