"""The words of a body pose network's card, filled from its run."""

from collections.abc import Sequence

from keras_pose.serving.facts import phone_words
from keras_pose.serving.model_card import CardWords, data_facts, result_facts
from keras_pose.wild3d.config import STRIDE, Config


def card_words(config: Config, run: dict, told: Sequence[str], data_dir: str = "") -> CardWords:
    """Word the card of a body pose network.

    Args:
        config: of the run.
        run: content of `run.json`.
        told: sentences on what the scores tell.
        data_dir: record folders of the run, whose licences are quoted.

    Returns:
        What the card says besides facts of the folder.
    """
    return CardWords(
        summary=(
            "16 joints of one person from one picture and a box: 2D, depth in the unit of a pixel, and "
            "metric 3D where the camera and the person's bone sum are given. Wild3D (Zhou et al. 2017, "
            f"arXiv 1704.02447); backbone: {config.backbone}, depth: {config.depth_head}. The training "
            f"records' bones sum to {run['bone_sum_mm'] / 1000:.3f} m on average."
        ),
        data=data_facts(
            "bodies",
            config.dataset,
            run.get("bodies", {}),
            "{train_3d} records with 3D and {train_2d} with 2D labels to train, {heldout} held out",
            data_dir,
        ),
        limits=(
            "One person in the middle of its box; joints that are not in the picture get a place all "
            "the same, with a low score.",
            *told,
            "Metric 3D has the size that it is given, and the distance at which bones of that size look "
            "as long as they do: an error of the size is one of the distance too.",
            "Accuracy was measured on the held-out records named above; other cameras, clothes, poses "
            "and half bodies were not.",
        ),
        metrics=result_facts(run.get("results", {})),
        tensors=phone_words("pixels of the crop", "half sides of the crop", STRIDE),
    )
