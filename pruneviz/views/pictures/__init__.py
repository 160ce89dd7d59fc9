"""The pictures, one file each; the catalogue by name."""

from collections.abc import Callable

from pruneviz.core.tables import Tables
from pruneviz.core.viewstate import ViewState
from pruneviz.views.marks import Picture
from pruneviz.views.pictures.attribution_maps import attribution_maps_info
from pruneviz.views.pictures.attribution_similarity import attribution_similarity_info
from pruneviz.views.pictures.calibration import calibration_info
from pruneviz.views.pictures.class_changes import class_changes_info
from pruneviz.views.pictures.corruption_errors import corruption_errors_info
from pruneviz.views.pictures.density_map import density_map_info
from pruneviz.views.pictures.effective_sparsity import effective_sparsity_info
from pruneviz.views.pictures.exemplars import exemplars_info
from pruneviz.views.pictures.flips import flips_info
from pruneviz.views.pictures.fragile_images import fragile_images_info
from pruneviz.views.pictures.geometry_classes import geometry_classes_info
from pruneviz.views.pictures.geometry_confusion import geometry_confusion_info
from pruneviz.views.pictures.geometry_layout import geometry_layout_info
from pruneviz.views.pictures.geometry_margins import geometry_margins_info
from pruneviz.views.pictures.geometry_sensitivity import geometry_sensitivity_info
from pruneviz.views.pictures.geometry_spread import geometry_spread_info
from pruneviz.views.pictures.images import images_info
from pruneviz.views.pictures.layer_activations import layer_activations_info
from pruneviz.views.pictures.layer_mask import layer_mask_info
from pruneviz.views.pictures.layer_sensitivity import layer_sensitivity_info
from pruneviz.views.pictures.layer_weights import layer_weights_info
from pruneviz.views.pictures.lineage import lineage_info
from pruneviz.views.pictures.mask_checks import mask_checks_info
from pruneviz.views.pictures.pq_index import pq_index_info
from pruneviz.views.pictures.pq_index_layers import pq_index_layers_info
from pruneviz.views.pictures.projection import projection_info, projections
from pruneviz.views.pictures.redundancy import redundancy_info
from pruneviz.views.pictures.reliability import reliability_info
from pruneviz.views.pictures.retrain_rankings import retrain_rankings_info
from pruneviz.views.pictures.retrain_scatters import retrain_scatters_info
from pruneviz.views.pictures.retrain_tau import retrain_tau_info
from pruneviz.views.pictures.robustness import robustness_info
from pruneviz.views.pictures.sample_detail import sample_detail_info
from pruneviz.views.pictures.sample_grid import sample_grid_info
from pruneviz.views.pictures.sample_scatter import sample_scatter_info, sample_scatters
from pruneviz.views.pictures.similarity_criteria import similarity_criteria_info
from pruneviz.views.pictures.similarity_layers import similarity_layers_info
from pruneviz.views.pictures.similarity_masks import similarity_masks_info
from pruneviz.views.pictures.similarity_matrix import similarity_matrix_info
from pruneviz.views.pictures.similarity_turnover import similarity_turnover_info
from pruneviz.views.pictures.smallest import smallest_info
from pruneviz.views.pictures.three_regime import three_regime_info
from pruneviz.views.pictures.three_regime_lines import three_regime_lines_info
from pruneviz.views.pictures.tournament import tournament_info
from pruneviz.views.pictures.tradeoff import tradeoff_info

PICTURES: dict[str, Callable[[Tables, ViewState], Picture]] = {
    "tradeoff": tradeoff_info,
    "smallest": smallest_info,
    "lineage": lineage_info,
    "density_map": density_map_info,
    "layer_weights": layer_weights_info,
    "layer_activations": layer_activations_info,
    "layer_mask": layer_mask_info,
    "class_changes": class_changes_info,
    "flips": flips_info,
    "exemplars": exemplars_info,
    "sample_scatter": sample_scatter_info,
    "images": images_info,
    "projection": projection_info,
    "sample_grid": sample_grid_info,
    "sample_detail": sample_detail_info,
    "reliability": reliability_info,
    "calibration": calibration_info,
    "pq_index": pq_index_info,
    "pq_index_layers": pq_index_layers_info,
    "retrain_scatters": retrain_scatters_info,
    "retrain_tau": retrain_tau_info,
    "retrain_rankings": retrain_rankings_info,
    "attribution_maps": attribution_maps_info,
    "attribution_similarity": attribution_similarity_info,
    "robustness": robustness_info,
    "corruption_errors": corruption_errors_info,
    "redundancy": redundancy_info,
    "fragile_images": fragile_images_info,
    "three_regime": three_regime_info,
    "three_regime_lines": three_regime_lines_info,
    "similarity_layers": similarity_layers_info,
    "similarity_matrix": similarity_matrix_info,
    "similarity_masks": similarity_masks_info,
    "similarity_criteria": similarity_criteria_info,
    "similarity_turnover": similarity_turnover_info,
    "layer_sensitivity": layer_sensitivity_info,
    "effective_sparsity": effective_sparsity_info,
    "mask_checks": mask_checks_info,
    "geometry_margins": geometry_margins_info,
    "geometry_layout": geometry_layout_info,
    "geometry_classes": geometry_classes_info,
    "geometry_spread": geometry_spread_info,
    "geometry_confusion": geometry_confusion_info,
    "geometry_sensitivity": geometry_sensitivity_info,
    "tournament": tournament_info,
}

# One for each model, which are looked at together: a brush in one marks the same images in all at once. The picture of
# the same name above is the first of them.
SEVERAL: dict[str, Callable[[Tables, ViewState], tuple[Picture, ...]]] = {
    "projection": projections,
    "sample_scatter": sample_scatters,
}

# Which pictures show an analysis; those of other packages bring none and are shown as tables.
OF_ANALYSIS: dict[str, tuple[str, ...]] = {
    "prediction_changes": ("flips", "class_changes", "exemplars"),
    "calibration": ("reliability", "calibration"),
    "pq_index": ("pq_index", "pq_index_layers"),
    "retrain_correlation": ("retrain_tau", "retrain_scatters", "retrain_rankings"),
    "attributions": ("attribution_similarity", "attribution_maps"),
    "corruption_robustness": ("robustness", "corruption_errors", "redundancy", "fragile_images"),
    "embeddings": ("projection",),
    "three_regime": ("three_regime", "three_regime_lines"),
    "similarity": (
        "similarity_layers",
        "similarity_matrix",
        "similarity_masks",
        "similarity_criteria",
        "similarity_turnover",
    ),
    "layer_sensitivity": ("layer_sensitivity",),
    "effective_sparsity": ("effective_sparsity",),
    "mask_checks": ("mask_checks",),
    "feature_geometry": (
        "geometry_margins",
        "geometry_layout",
        "geometry_classes",
        "geometry_spread",
        "geometry_confusion",
        "geometry_sensitivity",
    ),
    "tournament": ("tournament",),
}
