"""Stands in for rules_python where it cannot be downloaded: Bazel's own rules under its names."""

py_library = native.py_library
py_binary = native.py_binary
py_test = native.py_test
