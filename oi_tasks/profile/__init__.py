"""The profile: one file that configures a whole pipeline."""

from oi_tasks.profile.classes import Classes, Clusters, Override
from oi_tasks.profile.gate import Budgets, Gate, Slices, Threshold
from oi_tasks.profile.loading import (
    SHIPPED,
    check_own_profiles,
    describe,
    load_profile,
    parse_profile,
    profile_files,
    with_source,
)
from oi_tasks.profile.parts import Mid, Part, Share
from oi_tasks.profile.photos import Photos, Splits
from oi_tasks.profile.pods import Pod, Pods
from oi_tasks.profile.prices import Prices
from oi_tasks.profile.profile import Profile
from oi_tasks.profile.quality import Drift, Quality
from oi_tasks.profile.release import Drawn, PhotoChoice, ReleaseFile, ReleaseSpec
from oi_tasks.profile.training import (
    Augment,
    Average,
    Checkpoints,
    Classifier,
    Detector,
    Epochs,
    Recipe,
    Sampling,
    Schedule,
    Semseg,
    Weights,
)

__all__ = [
    "SHIPPED",
    "Augment",
    "Average",
    "Budgets",
    "Checkpoints",
    "Classes",
    "Classifier",
    "Clusters",
    "Detector",
    "Drawn",
    "Drift",
    "Epochs",
    "Gate",
    "Mid",
    "Override",
    "Part",
    "PhotoChoice",
    "Photos",
    "Pod",
    "Pods",
    "Prices",
    "Profile",
    "Quality",
    "Recipe",
    "ReleaseFile",
    "ReleaseSpec",
    "Sampling",
    "Schedule",
    "Semseg",
    "Share",
    "Slices",
    "Splits",
    "Threshold",
    "Weights",
    "check_own_profiles",
    "describe",
    "load_profile",
    "parse_profile",
    "profile_files",
    "with_source",
]
