"""Floor law: imports only go down; equal rooms and sibling plugs do not see each other."""

import subprocess
import sys
from pathlib import Path

import pytest
from house import PLUG_PACKAGES, Module, imported_modules, modules

FLOORS = {
    "p5rec": 6,
    "p5rec.cli": 6,
    "p5rec.__main__": 6,
    "p5rec.commands": 5,
    "p5rec.testing": 5,
    "p5rec.towers": 4,
    "p5rec.models": 4,
    "p5rec.tasks": 4,
    "p5rec.training": 4,
    "p5rec.responders": 4,
    "p5rec.evaluation": 4,
    "p5rec.serving": 4,
    "p5rec.contracts": 3,
    "p5rec.collate": 3,
    "p5rec.data": 2,
    "p5rec.blocks": 2,
    "p5rec.core": 1,
}
ONE_ROOM = {"p5rec.collate": "p5rec.contracts", "p5rec.cli": "p5rec", "p5rec.__main__": "p5rec"}

# The one exception of the law: heavy optional packages, and the only rooms that may import them at all. Outside
# `TOP_LEVEL` the import stands inside the function that needs it.
HEAVY = {
    "lightning": {"p5rec.training"},
    "tensorboard": {"p5rec.training"},
    "wandb": {"p5rec.training"},
    "peft": {"p5rec.training"},
    "matplotlib": {"p5rec.evaluation"},
    "jinja2": {"p5rec.evaluation"},
    "fastapi": {"p5rec.serving"},
    "uvicorn": {"p5rec.serving"},
    "starlette": {"p5rec.serving"},
    "pandas": {"p5rec.data", "p5rec"},
    "transformers": {"p5rec.blocks", "p5rec.towers", "p5rec.data"},
    "sklearn": {"p5rec.evaluation"},
    "faiss": {"p5rec.serving"},
    "sacrebleu": {"p5rec.evaluation"},
    "rouge_score": {"p5rec.evaluation"},
    "PIL": {"p5rec.towers"},
    "efficientnet_lite_pytorch": {"p5rec.towers"},
    "torchvision": set(),
}
NO_TENSORS = ("p5rec.core", "p5rec.data")


def room(name: str) -> str:
    """The room of a module: its first two names."""
    return ".".join(name.split(".")[:2])


def same_room(one: str, other: str) -> bool:
    one, other = room(one), room(other)
    return ONE_ROOM.get(one, one) == ONE_ROOM.get(other, other)


def climbs(importer: str, imported: str) -> bool:
    """Whether an import goes up, or sideways into another room."""
    return not same_room(importer, imported) and FLOORS[room(imported)] >= FLOORS[room(importer)]


def siblings(importer: Module, imported: str) -> bool:
    """Whether a plug imports another plug of its folder."""
    package, _, name = imported.rpartition(".")
    return importer.package in PLUG_PACKAGES and package == importer.package and not name.startswith("_")


def test_every_room_has_a_floor() -> None:
    rooms = {room(module.name) for module in modules()}
    assert rooms <= set(FLOORS), f"rooms without a floor: {rooms - set(FLOORS)}"


def wrong(module: Module) -> list[str]:
    """The imports of a module that break the law.

    Every import of a package runs its __init__, the face of the house, which must therefore be light (see below).
    """
    found = [name for name in imported_modules(module) if climbs(module.name, name) or siblings(module, name)]
    return [name for name in found if name != "p5rec"]


def test_imports_only_go_down() -> None:
    assert not {module.name: wrong(module) for module in modules() if wrong(module)}


def test_the_law_sees_what_it_forbids() -> None:
    assert climbs("p5rec.models.ease", "p5rec.tasks.next_item")
    assert climbs("p5rec.data.dataset", "p5rec.contracts")
    assert climbs("p5rec.data.dataset", "p5rec.blocks.stream")
    assert climbs("p5rec.testing.worlds", "p5rec.commands.run")
    assert not climbs("p5rec.models.ease", "p5rec.contracts")
    assert not climbs("p5rec.contracts", "p5rec.collate")
    assert not climbs("p5rec.cli", "p5rec.commands.run")


def strays(module: Module) -> list[str]:
    """Packages a module imports that have no place in its room."""
    packages = {name.partition(".")[0] for name in module.imports}
    own = room(module.name)
    return [
        name
        for name in packages
        if (own not in HEAVY[name] if name in HEAVY else own in NO_TENSORS and name == "torch")
    ]


def test_heavy_packages_stay_in_their_rooms() -> None:
    assert not {module.name: strays(module) for module in modules() if strays(module)}


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("import p5rec.tasks.next_item", True),
        ("def f():\n    from p5rec.tasks import next_item", True),
        ("if TYPE_CHECKING:\n    from ..tasks.next_item import NextItem", True),
        ("importlib.import_module('p5rec.tasks.next_item')", True),
        ("from p5rec.models.ease import Ease", True),
        ("from p5rec.contracts import Model", False),
    ],
)
def test_hidden_and_type_only_imports_count(tmp_path: Path, text: str, seen: bool) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert bool(wrong(Module("p5rec.models.mine", path))) == seen


def loaded_by(statement: str) -> set[str]:
    """Top-level packages in memory after a statement, in a fresh process."""
    code = f"import sys; {statement}; print(*sorted({{n.partition('.')[0] for n in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_face_is_light() -> None:
    assert not loaded_by("import p5rec") & (set(HEAVY) | {"torch", "polars"})


def test_the_contracts_need_no_optional_package() -> None:
    assert not loaded_by("import p5rec.contracts") & set(HEAVY)


def test_facts_are_free_of_tensors() -> None:
    assert "torch" not in loaded_by("import p5rec.data.dataset, p5rec.core.artifact, p5rec.data.queries")
