"""Profiles: every shipped one loads, and what cannot be used is named."""

from pathlib import Path

import pytest
import yaml

from oi_tasks.errors import BadInput
from oi_tasks.profile import SHIPPED, Profile, load_profile, parse_profile, profile_files

pytestmark = pytest.mark.usefixtures("own_environment")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_profile_loads(path: Path) -> None:
    profile = load_profile(path.stem)
    assert profile.name == path.stem
    assert path.read_text().startswith("#")
    assert load_profile(profile.model_dump_json()) == profile
    assert parse_profile(yaml.safe_dump(profile.model_dump(mode="json")), "dumped") == profile


def test_a_gate_without_thresholds_is_not_shipped() -> None:
    for name in profile_files():
        gate = load_profile(name).gate
        assert gate.classifier
        assert gate.cascade


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\ncluster: {}", "there is no field cluster"),
        ("name: x\nclasses: {maximum: 3}", "there is no field classes.maximum"),
        ("name: x\nclasses: {max: many}", 'classes.max cannot be "many"'),
        ("name: x\nclasses: {max: 0}", "classes.max cannot be 0"),
        ("classes: {max: 3}", "the field name is missing"),
        ("name: x\nclassifier: {epochs: {frozen: -1}}", "classifier.epochs.frozen cannot be -1"),
        ("name: x\nsplits: {tune: 0.4, test: 0.6}", "tune 0.4 and test 0.6 together leave no photo to train on"),
        ("name: x\ngate: {cascade: {map: {floor: .nan}}}", "gate.cascade.map.floor cannot be NaN"),
        ("name: x\ngate: {cascade: {map: {may_lose: .inf}}}", "gate.cascade.map.may_lose cannot be Infinity"),
        (
            "name: x\ngate: {cascade: {map: {floor: 0.8, ceiling: 1.0}}}",
            "a floor, if more of it is better, or a ceiling",
        ),
        ("- a\n- b", "not a mapping"),
        ("name: [", "not YAML"),
        ("name: x\n\trelease: 3", "line 2: found character '\\t'"),
        (
            "name: x\nclasses: {max: 3}\nclasses: {min_count: 4}",
            "the field classes stands twice, the second time in line 3",
        ),
        ("name: x\nclasses: {max: 3, max: 4}", "the field max stands twice"),
        ("name: x\ngate: {classifier: {macro_f1: {floor: .nan}}}", "gate.classifier.macro_f1.floor cannot be NaN"),
        ("name: x\nclassifier: {rate: .inf}", "classifier"),
        ("[" * 3000, "nested too deeply"),
        ('{"a": ' * 3000, "not YAML"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_profile(text, "here.yaml")
    assert said in str(raised.value)
    assert "here.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_name_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no profile 'demmo'; choose one of demo"):
        load_profile("demmo")
    with pytest.raises(BadInput, match="there is no profile file"):
        load_profile(str(tmp_path / "none.yaml"))


def test_files_that_are_no_profile_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oi_tasks.settings import settings

    monkeypatch.setenv("OI_PROFILES", str(tmp_path))
    settings.cache_clear()
    (tmp_path / "latin.yaml").write_bytes(b"name: latin # caf\xe9\n")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "marked.yml").write_text("name: marked\n", encoding="utf-8-sig")
    with pytest.raises(BadInput, match="the profile is not text in UTF-8"):
        load_profile("latin")
    with pytest.raises(BadInput, match="the profile cannot be read: No such file"):
        load_profile("gone")
    with pytest.raises(BadInput, match="there is no profile 'folder'"):
        load_profile("folder")
    assert load_profile("marked").name == "marked"


def test_a_folder_of_profiles_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oi_tasks.settings import settings

    (tmp_path / "file").write_text("")
    for folder, said in (("none", "names no folder that is there"), ("file", "is a file")):
        monkeypatch.setenv("OI_PROFILES", str(tmp_path / folder))
        settings.cache_clear()
        with pytest.raises(BadInput, match=f"OI_PROFILES {said}"):
            load_profile("mine")
        assert load_profile("demo").name == "demo"
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.yaml").write_text("name: mine\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OI_PROFILES", "~/own")
    settings.cache_clear()
    assert load_profile("mine").name == "mine"


def test_anchors_and_merges_are_no_field_twice() -> None:
    text = "name: x\nclasses: &c {max: 3}\nclusters: {<<: {}, min_photos: 4}\n"
    assert parse_profile(text, "here.yaml").classes.max == 3


def test_your_own_profiles_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from oi_tasks.settings import settings

    (tmp_path / "demo.yaml").write_text("name: demo\nclasses: {max: 5}\n")
    monkeypatch.setenv("OI_PROFILES", str(tmp_path))
    settings.cache_clear()
    assert load_profile("demo").classes.max == 5


def test_every_field_is_documented() -> None:
    def undocumented(schema: dict, where: str) -> list[str]:
        return [f"{where}.{name}" for name, field in schema.get("properties", {}).items() if "description" not in field]

    schema = Profile.model_json_schema()
    missing = undocumented(schema, "Profile")
    for name, part in schema["$defs"].items():
        missing += undocumented(part, name)
    assert missing == []


def test_a_recipe_without_an_epoch_is_refused_when_the_profile_is_read() -> None:
    for part in ("classifier", "semseg", "detector"):
        with pytest.raises(BadInput, match="no epoch is asked for"):
            parse_profile(f"name: x\n{part}: {{epochs: {{frozen: 0, unfrozen: 0}}}}", "here.yaml")


def test_a_profile_that_a_dataset_has_carried_since_before_there_were_stages_is_read() -> None:
    old = {"name": "x", "semseg": {"epochs": 7, "frozen": True}, "detector": {"epochs": 5, "frozen": False}}
    read = Profile.model_validate(old)
    assert (read.semseg.epochs.frozen, read.semseg.epochs.unfrozen) == (7, 0)
    assert (read.detector.epochs.frozen, read.detector.epochs.unfrozen) == (0, 5)
