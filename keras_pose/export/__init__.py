"""Export of a trained model to verified artefacts: SavedModel, TFLite, card.

Belongs here: writing versions completely or not at all, converting, comparing with the Keras model.
Does not: what a signature computes (that is the method's `export.py`), command-line flags.
"""

from keras_pose.export.card import (
    DataFact,
    MetricFact,
    ModelCard,
    SignatureFact,
    TensorFact,
    card_markdown,
    write_card,
)
from keras_pose.export.gpu_ops import GPU_OPERATIONS
from keras_pose.export.integer_sums import has_broken_sums
from keras_pose.export.litert import KERNELS, run_tflite, tflite_runner
from keras_pose.export.saved_model import (
    LoadedModel,
    Signature,
    new_version,
    next_version,
    run_saved_model,
    save_signatures,
    saved_model_runner,
    version_folder,
    write_saved_model,
)
from keras_pose.export.tflite import (
    FORMATS,
    INTEGER_OPERATIONS,
    PORTABLE_OPERATIONS,
    SAMPLED_FORMATS,
    convert_tflite,
    count_operations,
    fix_batch,
    refuse_operations,
)
from keras_pose.export.tflite_metadata import (
    ModelNote,
    TensorNote,
    read_files,
    read_tflite_metadata,
    write_tflite_metadata,
)
from keras_pose.export.verification import (
    Bound,
    ExportMismatch,
    compare_artefact,
    compare_tflite,
    write_verification,
)

__all__ = [
    "FORMATS",
    "GPU_OPERATIONS",
    "INTEGER_OPERATIONS",
    "KERNELS",
    "PORTABLE_OPERATIONS",
    "SAMPLED_FORMATS",
    "Bound",
    "DataFact",
    "ExportMismatch",
    "LoadedModel",
    "MetricFact",
    "ModelCard",
    "ModelNote",
    "Signature",
    "SignatureFact",
    "TensorFact",
    "TensorNote",
    "card_markdown",
    "compare_artefact",
    "compare_tflite",
    "convert_tflite",
    "count_operations",
    "fix_batch",
    "has_broken_sums",
    "new_version",
    "next_version",
    "read_files",
    "read_tflite_metadata",
    "refuse_operations",
    "run_saved_model",
    "run_tflite",
    "save_signatures",
    "saved_model_runner",
    "tflite_runner",
    "version_folder",
    "write_card",
    "write_saved_model",
    "write_tflite_metadata",
    "write_verification",
]
