"""Which workers train together, from TF_CONFIG, checked before TensorFlow waits for any of them.

Free of TensorFlow, so that the doctor can ask before anything is started.
"""

import dataclasses
import json
import os
import socket
import time
from collections.abc import Mapping

VARIABLE = "TF_CONFIG"
_FORM = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Workers of one run.

    Attributes:
        addresses: `host:port` of every worker, the chief's first.
        index: which of them this process is.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def address(self) -> str:
        """Of this process."""
        return self.addresses[self.index]


def read_cluster(environment: Mapping[str, str] | None = None) -> Cluster | None:
    """Read TF_CONFIG.

    Args:
        environment: variables by name; the process's own if None.

    Returns:
        The cluster, or None without TF_CONFIG.

    Raises:
        ValueError: if it is broken.
    """
    text = (os.environ if environment is None else environment).get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{VARIABLE} is no JSON ({error}); give it the form {_FORM}, or unset it."
        ) from error
    if content == {}:
        return None
    try:
        groups = {name: list(addresses) for name, addresses in content["cluster"].items()}
        kind, index = content["task"]["type"], int(content["task"]["index"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{VARIABLE} lacks a part; give it the form {_FORM}.") from error
    unknown = sorted(groups.keys() - {"chief", "worker"})
    if unknown or kind not in groups:
        raise ValueError(
            f"{VARIABLE} names {', '.join(unknown) or f'the task {kind!r} but no such group'}; every "
            f"process is a worker here, give it the form {_FORM}."
        )
    if not 0 <= index < len(groups[kind]):
        raise ValueError(
            f"{VARIABLE} has {len(groups[kind])} of {kind!r} and this is number {index}; indices go "
            f"from 0 to {len(groups[kind]) - 1}."
        )
    addresses = (*groups.get("chief", ()), *groups.get("worker", ()))
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 2**16:
            raise ValueError(f"{VARIABLE}: {address!r} is no address; write it as host:port.")
    twice = [one for number, one in enumerate(addresses) if one in addresses[:number]]
    if twice:
        raise ValueError(f"{VARIABLE} names {twice[0]} twice; every worker needs its own address.")
    place = index + (len(groups.get("chief", ())) if kind == "worker" else 0)
    return Cluster(addresses, place)


def check_port(cluster: Cluster) -> None:
    """Refuse an own address that another process listens at.

    Args:
        cluster: of this process.

    Raises:
        ValueError: if the port is in use.
    """
    port = int(cluster.address.rpartition(":")[2])
    with socket.socket() as trial:
        # As the server does: a port of a connection that has just ended may be had again.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
        except OSError as error:
            raise ValueError(
                f"{VARIABLE}: port {port} of this worker, {cluster.address}, is in use "
                f"({error.strerror}); end the process that listens there or choose another port."
            ) from error


def meet(cluster: Cluster, timeout_s: float) -> None:
    """Wait until every other worker is there: TensorFlow would wait inside, deaf to everything.

    Args:
        cluster: of this process.
        timeout_s: seconds to wait.

    Raises:
        ValueError: if a worker does not come, with its address.
    """
    end = time.monotonic() + timeout_s
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("", int(cluster.address.rpartition(":")[2])))
        own.listen(len(cluster.addresses))
        # Who has answered once may listen no longer: it is about to start TensorFlow's own server.
        missing = silent(cluster)
        while missing:
            if time.monotonic() > end:
                raise ValueError(
                    f"After {timeout_s:.0f} s not all workers of {VARIABLE} have come: "
                    f"{', '.join(missing)}; start them with the same command, or correct {VARIABLE}."
                )
            time.sleep(0.2)
            missing = [address for address in missing if address in silent(cluster)]


def unresolved(cluster: Cluster) -> list[str]:
    """Addresses whose host has no entry in any name service."""
    missing = []
    for address in cluster.addresses:
        try:
            socket.getaddrinfo(address.rpartition(":")[0].strip("[]"), None)
        except OSError:
            missing.append(address)
    return missing


def silent(cluster: Cluster, timeout_s: float = 2.0) -> list[str]:
    """Addresses of other workers at which nothing answers.

    Args:
        cluster: of this process.
        timeout_s: seconds to wait for each.
    """
    quiet = []
    for address in cluster.addresses:
        host, _, port = address.rpartition(":")
        if address == cluster.address:
            continue
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout_s).close()
        except OSError:
            quiet.append(address)
    return quiet
