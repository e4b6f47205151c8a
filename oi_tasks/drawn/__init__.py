"""Demo data: a folder of drawn photos in the exact form of an Open Images release.

    python -m oi_tasks.drawn FOLDER --photos 600 --seed 0

Everything after it (fetch, validation, training) treats the folder as a release. Nothing in it is anyone's photo.
"""

from oi_tasks.drawn.defects import PLANTED_DEFECTS
from oi_tasks.drawn.release import draw_release

__all__ = ["PLANTED_DEFECTS", "draw_release"]
