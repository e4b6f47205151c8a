"""How an evaluation's numbers are called and written, on pages and on model cards."""

from collections.abc import Mapping

from oi_tasks.reports.page import fixed

NAMES = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "top1_accuracy": "top-1 accuracy",
    "calibration_error": "calibration error",
    "mean_iou": "mean IoU",
    "box_recall": "box recall",
    "box_precision": "box precision",
    "box_recall_small": "box recall, small",
    "box_recall_medium": "box recall, medium",
    "box_recall_large": "box recall, large",
    "map": "mAP",
}
MEANS = {
    "macro_f1": "mean of the classes' F1, at the thresholds set on the tune photos",
    "micro_f1": "F1 of all labels of all classes together",
    "top1_accuracy": "share of the photos of one class whose likeliest class is right",
    "calibration_error": "mean distance of what the classifier's probabilities say from what is true; less is better",
    "mean_iou": "intersection over union of masks, from cells summed over all photos, mean over classes",
    "box_recall": "share of the true boxes found with an IoU of at least 0.5",
    "box_precision": "share of the boxes found that are true ones",
    "box_recall_small": "the same for boxes under 1 % of the photo's area",
    "box_recall_medium": "the same for boxes from 1 % to 10 % of it",
    "box_recall_large": "the same for boxes of 10 % or more",
    "map": "mean average precision of the boxes, as Open Images defines it",
}


def interval(found: Mapping[str, float | None] | None) -> str:
    """A number with its interval: `0.874 (0.861 to 0.886)`."""
    if found is None or found["value"] is None:
        return fixed(None)
    if found["low"] is None or found["high"] is None:
        return fixed(found["value"])
    return f"{fixed(found['value'])} ({fixed(found['low'])} to {fixed(found['high'])})"
