"""Views of records: what is drawn at random, how pixels follow, and the crop that networks are served.

Here: parameters of a view as a function of seed, epoch, record and view; the warp on the host and in the
graph; batches. Not here: the records themselves, or what one method makes of a view.
"""

from keras_pose.data.views.draws import ViewRanges, plain_ranges
from keras_pose.data.views.host_datasets import labelled_view_dataset, two_views_dataset

__all__ = ["ViewRanges", "labelled_view_dataset", "plain_ranges", "two_views_dataset"]
