"""Export of a trained model to verified artefacts: SavedModel, TFLite, card.

Belongs here: writing versions completely or not at all, converting, comparing with the Keras model.
Does not: what a signature computes (that is the method's `export.py`), command-line flags.
"""

import typing

import keras_pose

if typing.TYPE_CHECKING:
    from keras_pose.export.card import (
        DataFact,
        MetricFact,
        ModelCard,
        SignatureFact,
        TensorFact,
        card_markdown,
        write_card,
    )
    from keras_pose.export.formats import FORMATS, SAMPLED_FORMATS
    from keras_pose.export.gpu_ops import GPU_OPERATIONS
    from keras_pose.export.inference import ConstantWeights, fold_normalization, take_folded
    from keras_pose.export.integer_sums import has_broken_sums
    from keras_pose.export.litert import KERNELS, run_tflite, tflite_runner
    from keras_pose.export.saved_model import (
        LoadedModel,
        Signature,
        new_version,
        run_saved_model,
        save_signatures,
        saved_model_runner,
        write_saved_model,
    )
    from keras_pose.export.tflite import (
        INTEGER_OPERATIONS,
        PORTABLE_OPERATIONS,
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
    from keras_pose.export.versions import next_version, version_folder

__all__ = [
    "FORMATS",
    "GPU_OPERATIONS",
    "INTEGER_OPERATIONS",
    "KERNELS",
    "PORTABLE_OPERATIONS",
    "SAMPLED_FORMATS",
    "Bound",
    "ConstantWeights",
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
    "fold_normalization",
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
    "take_folded",
    "tflite_runner",
    "version_folder",
    "write_card",
    "write_saved_model",
    "write_tflite_metadata",
    "write_verification",
]

# Those first that import no TensorFlow.
_HOMES = (
    *("formats", "versions", "card", "gpu_ops", "integer_sums", "litert"),
    *("inference", "saved_model", "tflite", "tflite_metadata", "verification"),
)

__getattr__ = keras_pose.lazy_names(__name__, _HOMES, __all__)
