"""The doctor's round: everything that the settings name, one finding each."""

import importlib
import os
import sys

import tensorflow as tf

from keras_pose.doctor import machine, runs
from keras_pose.doctor.findings import BROKEN, Finding
from keras_pose.doctor.settings import Settings
from keras_pose.train.config import listed


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that the settings name."""
    requirements, installed = machine.installed_versions()
    found = machine.check_versions(requirements, installed, sys.version_info[:2])
    names, has_driver, built_with_cuda, computes = _devices()
    found.append(machine.check_devices(names, has_driver, built_with_cuda, computes))
    found.append(runs.check_strategy(settings.strategy, len(names), os.environ))
    found.append(machine.check_litert(_litert_error()))
    found += machine.check_limits(*machine.measured_limits())
    found.append(machine.check_disk(*machine.measured_disk(settings.model_dir or ".")))
    found.append(runs.check_workers(os.environ))
    found += [runs.check_data(folder) for folder in listed(settings.data_dir)]
    if settings.model_dir:
        found += runs.check_run_folder(settings.model_dir)
    return found


def _devices():
    gpus = tf.config.list_physical_devices("GPU")
    computes = True
    if gpus:
        try:
            with tf.device("/gpu:0"):
                computes = float(tf.reduce_sum(tf.ones((8, 8)) @ tf.ones((8, 8)))) == 512.0
        except tf.errors.OpError:
            computes = False
    has_driver = os.path.exists("/proc/driver/nvidia/version")
    return [gpu.name for gpu in gpus], has_driver, tf.test.is_built_with_cuda(), computes


def _litert_error():
    try:
        importlib.import_module("ai_edge_litert.interpreter")
    except Exception as error:  # a library that is missing or broken fails in many ways
        return error
    return None


def main(settings: Settings) -> None:
    """Print what was found; exit with 1 if something is broken."""
    found = examine(settings)
    lines = (finding.as_line() for finding in found)
    print(runs.as_json(found) if settings.json else "\n".join(lines))
    if any(finding.state == BROKEN for finding in found):
        sys.exit(1)
