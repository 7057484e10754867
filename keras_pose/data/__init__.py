"""Readers of motion, 2D poses and pictures, generated people and hands, records, views of records.

Here: one module per data set or source, each ending in a `MotionSet`, `Views`, 2D poses or records.
Not here: batching and augmentation of one method (its own room), drawing (viz), joint tables.
"""

from keras_pose.data.bad_records import BadRecords
from keras_pose.data.bvh_folder import load_bvh_folder
from keras_pose.data.cmu_mocap17 import load_cmu_mocap17
from keras_pose.data.coco_keypoints import read_coco_keypoints
from keras_pose.data.freihand import read_freihand
from keras_pose.data.generated_bodies import body_source
from keras_pose.data.generated_hands import generate_hands, hand_source
from keras_pose.data.human36m import load_h36m, load_h36m_2d, load_h36m_views
from keras_pose.data.human36m_pictures import read_human36m_pictures
from keras_pose.data.humans import generate_motion
from keras_pose.data.keypoint_json import KeypointFields, read_keypoint_json
from keras_pose.data.keypoints_2d import Keypoints2D, load_keypoints_2d
from keras_pose.data.lsp import read_lsp
from keras_pose.data.motion import MotionSet, concatenate, stand_on_floor
from keras_pose.data.mpi_inf_3dhp import load_mpi_inf_3dhp
from keras_pose.data.mpi_inf_3dhp_pictures import read_mpi_inf_3dhp_pictures
from keras_pose.data.mpii import read_mpii
from keras_pose.data.picture import decode_picture
from keras_pose.data.picture_folder import read_picture_folder
from keras_pose.data.record import Record, RecordSource
from keras_pose.data.record_dataset import records_dataset
from keras_pose.data.record_files import write_records
from keras_pose.data.record_index import read_index
from keras_pose.data.record_reader import RecordReader
from keras_pose.data.view_datasets import labelled_view_dataset, two_views_dataset
from keras_pose.data.views import ViewRanges, plain_ranges
from keras_pose.data.virtual_cameras import Views, VirtualRig, h36m_rig, render_views
from keras_pose.data.youtube_3d_hands import read_youtube_3d_hands

__all__ = [
    "BadRecords",
    "KeypointFields",
    "Keypoints2D",
    "MotionSet",
    "Record",
    "RecordReader",
    "RecordSource",
    "ViewRanges",
    "Views",
    "VirtualRig",
    "body_source",
    "concatenate",
    "decode_picture",
    "generate_hands",
    "generate_motion",
    "h36m_rig",
    "hand_source",
    "labelled_view_dataset",
    "load_bvh_folder",
    "load_cmu_mocap17",
    "load_h36m",
    "load_h36m_2d",
    "load_h36m_views",
    "load_keypoints_2d",
    "load_mpi_inf_3dhp",
    "plain_ranges",
    "read_coco_keypoints",
    "read_freihand",
    "read_human36m_pictures",
    "read_index",
    "read_keypoint_json",
    "read_lsp",
    "read_mpi_inf_3dhp_pictures",
    "read_mpii",
    "read_picture_folder",
    "read_youtube_3d_hands",
    "records_dataset",
    "render_views",
    "stand_on_floor",
    "two_views_dataset",
    "write_records",
]
