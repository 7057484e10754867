"""The official hourglass as a finished run, for `--init_from`, export and prediction."""

from keras_pose.files.torch_file import read_torch_file
from keras_pose.layers.hourglass_weights import load_official_weights
from keras_pose.train import run_folder
from keras_pose.train.weights import write_weights
from keras_pose.weights.official import layer_statistics
from keras_pose.weights.official_settings import NetworkFile
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.model import PoseModel
from keras_pose.wild3d.runs import network_path


def main(place: NetworkFile, config: Config) -> None:
    """Do what the settings ask for; every tensor that does not fit is named."""
    network = PoseModel(config).network
    try:
        load_official_weights(network, read_torch_file(place.file))
    except ValueError as error:
        raise ValueError(f"{place.file}: {error}") from None
    run_folder.open_run(place.model_dir, config, [])
    write_weights(network, network_path(place.model_dir))
    run_folder.update_run(place.model_dir, finished=True, source=place.file)
    print(f"{layer_statistics(network)}\nWrote {place.model_dir}.")
