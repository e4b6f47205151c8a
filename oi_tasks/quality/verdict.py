"""May the data go on? The same answer for the quality page and for the gate."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict


class Reason(BaseModel):
    """Why data may not go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: str
    text: str


def reasons_against(quality: Mapping[str, Any], max_quarantined: float) -> tuple[Reason, ...]:
    """Why the data of a `quality.json` may not go on; none: it may. What is missing or no number is a reason, too."""
    reasons = [
        Reason(code=finding["code"], text=f"{finding['what']} ({finding['count']:,})")
        for finding in quality.get("findings", ())
        if finding["severity"] == "critical"
    ]
    unjudged = [one for one in quality.get("expectations", ()) if one["status"] == "raised"]
    if unjudged and not any(reason.code == "check_raised" for reason in reasons):
        reasons.append(Reason(code="check_raised", text=f"Expectations that could not be checked ({len(unjudged)})"))
    if not quality.get("expectations"):
        reasons.append(Reason(code="not_judged", text="No expectation was checked"))
    share = quality.get("quarantined_share")
    if not isinstance(share, (int, float)) or math.isnan(share):
        reasons.append(Reason(code="no_share", text="It is not known how much was set apart"))
    elif not share <= max_quarantined:
        text = f"{100 * share:.4g} % of the rows or photos were set apart, more than {100 * max_quarantined:.4g} %"
        reasons.append(Reason(code="too_much_set_apart", text=text))
    return tuple(reasons)
