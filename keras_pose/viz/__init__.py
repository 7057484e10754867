"""Pictures for people: skeletons in 2D and 3D, line charts, and reports as one HTML file.

Belongs here: drawing with OpenCV and NumPy, SVG and HTML text. It knows joints but not models.
Does not: computing what is drawn, training callbacks (they take a drawing function), matplotlib.
"""

from keras_pose.viz.draw import draw_pose_2d, draw_pose_3d, limb_colours, view_points
from keras_pose.viz.figures import PALETTE, Series, line_chart_svg
from keras_pose.viz.panels import VIEWS, label, pose_panel, tile
from keras_pose.viz.report import (
    Chart,
    Paragraph,
    Picture,
    Section,
    Table,
    report_html,
    write_report,
)
from keras_pose.viz.viewer import PoseViewer

__all__ = [
    "PALETTE",
    "VIEWS",
    "Chart",
    "Paragraph",
    "Picture",
    "PoseViewer",
    "Section",
    "Series",
    "Table",
    "draw_pose_2d",
    "draw_pose_3d",
    "label",
    "limb_colours",
    "line_chart_svg",
    "pose_panel",
    "report_html",
    "tile",
    "view_points",
    "write_report",
]
