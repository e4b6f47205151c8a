"""The plot of the trainings: every epoch has a mark, so that a training of one epoch is seen."""

import re

from oi_tasks.reports.plots import training_curves


def test_a_training_of_one_epoch_is_seen_and_axes_say_what_they_count() -> None:
    plot = training_curves({"vehicle": [{"loss": 0.5, "tune_mean_iou": 0.25}]}, {"mean_iou": "mean IoU"})
    marks = re.findall(r"<use [^>]*style=\"[^\"]*var\(--blue", plot)
    assert len(marks) == 3  # one in each panel, and the legend's
    for title in ("epoch (count)", "loss (no unit)", "mean IoU (0 to 1)", "vehicle"):
        assert f">{title}</text>" in plot


def test_equal_curves_make_equal_plots() -> None:
    curves = {f"cluster {place}": [{"loss": 1 / (epoch + 1)} for epoch in range(3)] for place in range(12)}
    assert training_curves(curves, {}) == training_curves(curves, {})
