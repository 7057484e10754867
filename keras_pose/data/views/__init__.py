"""Views of records: random draws, the resulting pixels, and the crop that networks get when served.

Here: parameters of a view as a function of seed, epoch, record and view; the warp on the host and in the
graph; batches. Not here: the records themselves, or what a single method does with a view.
"""

from keras_pose.data.views.draws import ViewRanges, plain_ranges
from keras_pose.data.views.host_datasets import labelled_view_dataset, two_views_dataset

__all__ = ["ViewRanges", "labelled_view_dataset", "plain_ranges", "two_views_dataset"]
