"""The demonstration: `python -m keras_pose.demo` trains a lifter in minutes and writes a report.

Not here: anything that another room needs.
"""

__all__: list[str] = []
