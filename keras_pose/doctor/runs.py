"""What a run would meet: its workers, its strategy, its data, and the run that is there already."""

import json
import os
from collections.abc import Mapping

from keras_pose.doctor.findings import BROKEN, NOTE, OK, Finding
from keras_pose.train.checkpoints import checkpoint_steps, read_checkpoint
from keras_pose.train.cluster import check_port, read_cluster, silent, unresolved
from keras_pose.train.run_folder import RUN_FILE, read_run
from keras_pose.train.strategy import choose_strategy


def check_workers(environment: Mapping[str, str]) -> Finding:
    """Judge TF_CONFIG.

    Args:
        environment: variables by name.
    """
    try:
        cluster = read_cluster(environment)
        if cluster is None:
            return Finding("TF_CONFIG", OK, "not set; one process trains")
        check_port(cluster)
    except ValueError as error:
        return Finding("TF_CONFIG", BROKEN, *_parted(str(error)))
    if missing := unresolved(cluster):
        return Finding(
            "TF_CONFIG",
            BROKEN,
            f"no name service knows the host of {', '.join(missing)}",
            "correct it or use an address in numbers",
        )
    found = f"worker {cluster.index} of {len(cluster.addresses)}"
    if quiet := silent(cluster):
        return Finding(
            "TF_CONFIG",
            NOTE,
            f"{found}; nothing answers at {', '.join(quiet)}",
            "fine while these workers have not been started; else open the port",
        )
    return Finding("TF_CONFIG", OK, found)


def check_strategy(name: str, num_gpus: int, environment: Mapping[str, str]) -> Finding:
    """Say what `--strategy` builds here.

    Args:
        name: the flag's value.
        num_gpus: GPUs that TensorFlow sees.
        environment: variables by name.
    """
    try:
        cluster = read_cluster(environment)
        num_workers = len(cluster.addresses) if cluster else 0
        chosen = choose_strategy(name, 0, num_gpus, num_workers)
    except ValueError as error:
        return Finding("strategy", BROKEN, *_parted(str(error)))
    return Finding("strategy", OK, f"--strategy={name} is {chosen}")


def check_data(folder: str) -> Finding:
    """Judge a folder of data: whether every file in it can be opened, and records are finished."""
    name = f"data in {folder}"
    if not os.path.isdir(folder):
        return Finding(name, BROKEN, "no such folder", "correct --data_dir or prepare the data")
    count = 0
    for place, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(place, file)
            try:
                with open(path, "rb") as opened:
                    opened.read(1)
            except OSError as error:
                why = error.strerror or str(error)
                return Finding(name, BROKEN, f"{path} cannot be read ({why})", "repair it")
            count += 1
    if not count:
        return Finding(name, BROKEN, "nothing lies there", "prepare the data")
    return Finding(name, OK, f"{count} files, all of which can be opened")


def check_run_folder(folder: str) -> list[Finding]:
    """Judge the run in a folder: its record and its newest checkpoint."""
    name = f"run in {folder}"
    checkpoints = os.path.join(folder, "checkpoints")
    there = checkpoint_steps(checkpoints)
    if not os.path.exists(os.path.join(folder, RUN_FILE)):
        if there:
            remedy = "restore it, or move the checkpoints away"
            return [Finding(name, BROKEN, f"checkpoints without {RUN_FILE}", remedy)]
        return [Finding(name, OK, "none yet")]
    try:
        run = read_run(folder)
    except ValueError as error:
        return [Finding(name, BROKEN, *_parted(str(error)))]
    state = "finished" if run.get("finished") else "not finished"
    found = [Finding(name, OK, f"{run.get('method', 'old run')}, {state}")]
    damaged = []
    for step in reversed(there):
        try:
            read_checkpoint(os.path.join(checkpoints, f"step-{step}"))
        except Exception:  # TensorFlow raises many kinds
            damaged.append(step)
            continue
        whole = f"the newest whole one is of step {step}"
        if damaged:
            remedy = "nothing needs to be done, the run goes on from the whole one"
            return [*found, Finding("checkpoint", NOTE, f"{damaged} damaged, {whole}", remedy)]
        return [*found, Finding("checkpoint", OK, whole)]
    if damaged:
        remedy = "restore one, or begin anew with --restart"
        return [*found, Finding("checkpoint", BROKEN, f"{damaged}, none of them whole", remedy)]
    return [*found, Finding("checkpoint", NOTE, "none yet", "the run begins at step 0")]


def as_json(findings: list[Finding]) -> str:
    """Return all findings as one JSON document."""
    broken = any(finding.state == BROKEN for finding in findings)
    content = {"broken": broken, "findings": [finding.as_json() for finding in findings]}
    return json.dumps(content, indent=2)


def _parted(sentence):
    """Split a house sentence into what is wrong and what to do."""
    found, _, remedy = sentence.rstrip(".").rpartition("; ")
    return (found, remedy) if found else (remedy, "")
