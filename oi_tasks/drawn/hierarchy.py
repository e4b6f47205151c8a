"""The labels of the drawn release: a small part of the hierarchy of Open Images, with its own MIDs and names.

What it has of the full one: three families and a level-0 label beside them, leaves at levels 1 to 3, a label in two
places (Tomato: a Fruit and a Vegetable), a Part edge (a Wheel is part of a Car), and a label without a description.
"""

from typing import Any

ROOT = "/m/0bl9f"

NAMES: dict[str, str] = {
    "/m/0jbk": "Animal",
    "/m/015p6": "Bird",
    "/m/0ch_cf": "Fish",
    "/m/04rky": "Mammal",
    "/m/01lrl": "Carnivore",
    "/m/01yrx": "Cat",
    "/m/03xxp": "Invertebrate",
    "/m/03vt0": "Insect",
    "/m/0cyf8": "Butterfly",
    "/m/07yv9": "Vehicle",
    "/m/01prls": "Land vehicle",
    "/m/0k4j": "Car",
    "/m/01bjv": "Bus",
    "/m/0199g": "Bicycle",
    "/m/01rzcn": "Watercraft",
    "/m/019jd": "Boat",
    "/m/0k5j": "Aircraft",
    "/m/0cmf2": "Airplane",
    "/m/02wbm": "Food",
    "/m/02xwb": "Fruit",
    "/m/014j1m": "Apple",
    "/m/0cyhj_": "Orange",
    "/m/09qck": "Banana",
    "/m/07j87": "Tomato",
    "/m/0f4s2w": "Vegetable",
    "/m/0fj52s": "Carrot",
    "/m/08dz3q": "Auto part",
    "/m/083wq": "Wheel",
}
MIDS: dict[str, str] = {name: mid for mid, name in NAMES.items()}

UNDESCRIBED = MIDS["Watercraft"]
"""In the hierarchy and on a few boxes, but not in the file of descriptions."""

_SUBCATEGORIES: dict[str, tuple[str, ...]] = {
    "Animal": ("Bird", "Fish", "Mammal", "Invertebrate"),
    "Mammal": ("Carnivore",),
    "Carnivore": ("Cat",),
    "Invertebrate": ("Insect",),
    "Insect": ("Butterfly",),
    "Vehicle": ("Land vehicle", "Watercraft", "Aircraft"),
    "Land vehicle": ("Car", "Bus", "Bicycle"),
    "Watercraft": ("Boat",),
    "Aircraft": ("Airplane",),
    "Food": ("Fruit", "Vegetable"),
    "Fruit": ("Apple", "Orange", "Banana", "Tomato"),
    "Vegetable": ("Tomato", "Carrot"),
    "Auto part": ("Wheel",),
}
_PARTS: dict[str, tuple[str, ...]] = {"Car": ("Wheel",)}
_LEVEL_0 = ("Animal", "Vehicle", "Food", "Auto part")


def _node(name: str) -> dict[str, Any]:
    node: dict[str, Any] = {"LabelName": MIDS[name]}
    for kind, children in (("Subcategory", _SUBCATEGORIES), ("Part", _PARTS)):
        if name in children:
            node[kind] = [_node(child) for child in children[name]]
    return node


def hierarchy() -> dict[str, Any]:
    """The tree as `bbox_labels_600_hierarchy.json` has it: nested `LabelName`, `Subcategory` and `Part` lists."""
    return {"LabelName": ROOT, "Subcategory": [_node(name) for name in _LEVEL_0]}


def ancestors(name: str) -> set[str]:
    """Names of every label above `name`, by Subcategory edges; the root is left out."""
    parents = {parent for parent, children in _SUBCATEGORIES.items() if name in children}
    return parents.union(*(ancestors(parent) for parent in parents)) if parents else set()


def related(a: str, b: str) -> bool:
    """Is one of two labels (by name) the other, or a kind of it?"""
    return a == b or a in ancestors(b) or b in ancestors(a)
