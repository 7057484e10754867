"""Stands in for rules_proto: Bazel's own tools load these names even where nothing is compiled."""

proto_lang_toolchain = native.proto_lang_toolchain
proto_library = native.proto_library
