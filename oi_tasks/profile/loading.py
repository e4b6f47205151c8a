"""Read profiles: by name, from a YAML file, or as JSON."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from oi_tasks.errors import BadInput
from oi_tasks.profile.profile import Profile
from oi_tasks.profile.yaml_once import StandsTwice, load_yaml
from oi_tasks.settings import settings

SHIPPED = Path(__file__).parents[1] / "profiles"


def profile_files() -> dict[str, Path]:
    """All profiles by name: the shipped ones, and yours (`OI_PROFILES`), which win."""
    own = settings().profiles
    folders = [SHIPPED, *([own.expanduser()] if own else [])]
    found = [path for folder in folders for ending in ("*.yml", "*.yaml") for path in sorted(folder.glob(ending))]
    return {path.stem: path for path in found if not path.is_dir()}


def check_own_profiles() -> None:
    """Raise BadInput if `OI_PROFILES` names no folder."""
    own = settings().profiles
    if own and not own.expanduser().is_dir():
        what = "OI_PROFILES is a file" if own.expanduser().exists() else "OI_PROFILES names no folder that is there"
        raise BadInput(what, str(own), "name the folder of your profiles, or leave it unset", code="setting")


def load_profile(source: str) -> Profile:
    """A profile by its name, by the path of a YAML file, or as JSON. Raises BadInput naming what is wrong and where."""
    if source.lstrip().startswith("{"):
        where, text = "the profile given as JSON", source
    elif source.endswith((".yaml", ".yml")):
        path = Path(source)
        if not path.is_file():
            raise BadInput(
                f"there is no profile file {source}", fix="give the path of a YAML file, or a name", code="profile"
            )
        where, text = str(path), _text(path)
    else:
        files = profile_files()
        if source not in files:
            check_own_profiles()
            raise BadInput(
                f"there is no profile {source!r}", fix=f"choose one of {', '.join(sorted(files))}", code="profile"
            )
        where, text = str(files[source]), _text(files[source])
    return parse_profile(text, where)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(f"the profile cannot be read: {error.strerror}", str(path), code="profile") from None
    except UnicodeDecodeError:
        raise BadInput("the profile is not text in UTF-8", str(path), "save it as UTF-8", code="profile") from None


def with_source(profile: Profile, source: str) -> Profile:
    """The profile on another release: a folder in the form of one, or s3://bucket/prefix. Raises BadInput."""
    if source.startswith(("http://", "https://")):
        fix = "name a folder or s3://bucket/prefix; a published release needs a profile of its own"
        raise BadInput("a web address is no folder in the form of a release", source, fix, code="source")
    release = profile.release.model_copy(update={"kind": "folder", "folders": (source,)})
    return profile.model_copy(update={"release": release})


def parse_profile(text: str, where: str) -> Profile:
    """A profile from YAML or JSON text. Raises BadInput naming the field that is wrong."""
    try:
        value = json.loads(text) if text.lstrip().startswith("{") else load_yaml(text)
    except StandsTwice as error:
        raise BadInput(str(error), where, "keep one of them", code="profile") from None
    except (yaml.YAMLError, json.JSONDecodeError, RecursionError) as error:
        raise BadInput(f"the profile is not YAML: {_said_of(error)}", where, code="profile") from None
    if not isinstance(value, dict):
        raise BadInput("the profile is not a mapping of fields", where, code="profile")
    try:
        return Profile.model_validate(value)
    except ValidationError as error:
        raise BadInput(describe(error), where, code="profile") from None


def _said_of(error: Exception) -> str:
    """What is wrong with a YAML text, and in which line."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    return f"line {mark.line + 1}: {problem}" if mark and problem else " ".join(str(error).split())


def describe(error: ValidationError) -> str:
    """What is wrong with a model's fields, in one line: the first fault, and how many more."""
    first, *more = error.errors()
    field = ".".join(str(part) for part in first["loc"] if not (isinstance(part, str) and part[:1].isupper()))
    kind: str = first["type"]
    if kind == "extra_forbidden":
        text = f"there is no field {field}"
    elif kind == "missing":
        text = f"the field {field} is missing"
    else:
        text = f"{field} cannot be {json.dumps(_short(first['input']))}: {first['msg'].lower()}"
    return text + (f" (and {len(more)} more)" if more else "")


def _short(value: Any) -> Any:
    text = str(value)
    return value if isinstance(value, (int, float, bool, type(None))) else text[:60]
