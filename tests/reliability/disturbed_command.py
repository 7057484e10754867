"""A training command that is sent a signal after a step, so that a test can choose the step.

`python -m tests.reliability.disturbed_command STEP SIGNAL MODULE FLAGS...`: what happens to the command
is what would happen to `python -m MODULE FLAGS...`, if somebody sent it the signal at that moment.
"""

import os
import runpy
import sys

from keras_pose.train.steps import Steps


def disturb(step, number, before=lambda: None):
    """Call `before` and send this process a signal as soon as `step` steps of the run are done."""
    begin, execute = Steps.begin, Steps.execute
    finished = 0

    def begin_and_note(steps, batches, done):
        nonlocal finished
        finished = done
        begin(steps, batches, done)

    def execute_and_count(steps):
        nonlocal finished
        outcome = execute(steps)
        finished += steps.count
        if finished == step:
            before()
            os.kill(os.getpid(), number)
        return outcome

    Steps.begin, Steps.execute = begin_and_note, execute_and_count


if __name__ == "__main__":
    disturb(int(sys.argv[1]), int(sys.argv[2]))
    sys.argv = sys.argv[3:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
