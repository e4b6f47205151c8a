"""A registered version in a fresh process, as whoever serves it would load it: does it load, and what does it say?"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from oi_tasks.errors import OiError, Refused
from oi_tasks.io.tracking import Tracking

PROGRAM = Path(__file__).parents[1] / "models" / "answer.py"
PATIENCE = 600.0  # seconds; a version that needs longer does not serve


class Answer(BaseModel):
    """What a version said of each photo, how long it took, whose code it ran, and what is unlike its pins."""

    model_config = ConfigDict(frozen=True)
    load_seconds: float
    milliseconds: tuple[float, ...]
    said: tuple[dict[str, Any], ...]
    code: str
    own_code: bool
    unlike: tuple[str, ...]


def ask(tracking: Tracking, model: str, version: int, photos: Sequence[bytes], scratch: Path) -> Answer:
    """Load a version in a process of its own and let it answer. Raises Refused when it does not."""
    tracking.check()
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        folder = tracking.download_whole(model, version, scratch / "model")
    except (OiError, OSError) as error:
        raise _silent(model, version, str(error)) from None
    paths = []
    for place, photo in enumerate(photos):
        paths.append(str(scratch / f"{place}.jpg"))
        Path(paths[-1]).write_bytes(photo)
    answer = scratch / "answer.json"
    asked = {"folder": str(folder), "photos": paths, "answer": str(answer)}
    request = scratch / "request.json"
    request.write_text(json.dumps(asked), encoding="utf-8")
    words = [sys.executable, "-P", str(PROGRAM), str(request)]
    try:
        done = subprocess.run(words, cwd=scratch, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise _silent(model, version, f"no answer within {PATIENCE:.0f} s") from None
    if done.returncode != 0 or not answer.is_file():
        *_, last = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise _silent(model, version, last)
    return Answer.model_validate_json(answer.read_text(encoding="utf-8"))


def plain_photo(side: int = 256) -> bytes:
    """A grey photo, as JPEG: enough to see that a version answers."""
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (side, side), (127, 127, 127)).save(data, "JPEG")
    return data.getvalue()


def _silent(model: str, version: int, why: str) -> Refused:
    return Refused(f"version {version} of {model} does not load and answer: {why[:200]}", code="does_not_load")
