"""What is found goes into JSON that any reader can parse."""

import json
import math

from oi_tasks.quality.summary import plain


def test_what_is_no_finite_number_is_told_as_text() -> None:
    found = {"observed": math.inf, "examples": [{"XMin": math.nan, "XMax": 0.5, "YMin": None}], "share": -math.inf}
    text = json.dumps(plain(found), allow_nan=False)
    assert json.loads(text) == {
        "observed": "inf",
        "examples": [{"XMin": "nan", "XMax": 0.5, "YMin": None}],
        "share": "-inf",
    }
