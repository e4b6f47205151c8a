"""Networks: backbones, the classifier, the segmentation models, and the cascade of them."""
