"""Pictures of studies: tables and a view's state in, plain marks out, drawn by one renderer.

Nothing here imports Bokeh or pandas until something is drawn.
"""

from pruneviz.views.marks import Picture
from pruneviz.views.pictures import PICTURES
from pruneviz.views.pictures.class_changes import class_changes_info
from pruneviz.views.pictures.density_map import density_map_info
from pruneviz.views.pictures.flips import flips_info
from pruneviz.views.pictures.images import images_info
from pruneviz.views.pictures.sample_scatter import sample_scatter_info
from pruneviz.views.pictures.smallest import smallest_info
from pruneviz.views.pictures.tradeoff import tradeoff_info

__all__ = [
    "PICTURES",
    "Picture",
    "class_changes_info",
    "density_map_info",
    "flips_info",
    "images_info",
    "sample_scatter_info",
    "smallest_info",
    "tradeoff_info",
]
