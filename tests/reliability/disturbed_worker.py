"""A worker that kills itself where a plan says so, once: what a supervisor starts again and again.

`python -m tests.reliability.disturbed_worker PLAN MODULE FLAGS...`: PLAN is a JSON list of pairs, worker
and step; the first entry is struck out when its worker dies of it, so that the next start meets the next.
"""

import json
import os
import runpy
import signal
import sys

from keras_pose.train.cluster import read_cluster
from tests.reliability.disturbed_command import disturb


def follow(path):
    """Die where the plan says so, if its first entry is this worker's."""
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    if not plan or plan[0][0] != read_cluster().index:
        return

    def strike_out():
        with open(f"{path}.next", "w", encoding="utf-8") as file:
            json.dump(plan[1:], file)
        os.replace(f"{path}.next", path)

    disturb(plan[0][1], signal.SIGKILL, strike_out)


if __name__ == "__main__":
    follow(sys.argv[1])
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
