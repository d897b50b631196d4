"""Assembly law: only commands/ and testing/ look plugs up by name. Skew law: one collate makes every stream."""

import pytest
from house import Module, modules

ASSEMBLERS = ("p5rec.commands", "p5rec.testing", "p5rec.cli", "p5rec.core.plugins")
STREAM_MAKERS = ("p5rec.collate", "p5rec.blocks.stream")


def within(module: Module, packages: tuple[str, ...]) -> bool:
    return any(module.name == package or module.name.startswith(package + ".") for package in packages)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_only_the_top_looks_plugs_up(module: Module) -> None:
    if within(module, ASSEMBLERS) or module.name == "p5rec":  # the face loads its verbs when they are called
        return
    looked = {name for name in module.imports if name.startswith("p5rec.core.plugins")} - {"p5rec.core.plugins.Plug"}
    assert not looked, f"{module.name} looks plugs up"
    assert "p5rec.contracts.KINDS" not in module.imports, f"{module.name} asks for the folders of plugs"
    assert not module.calls() & {"import_module", "iter_modules", "__import__"}, f"{module.name} imports by name"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_only_collate_makes_streams(module: Module) -> None:
    if not within(module, STREAM_MAKERS):
        assert "Stream" not in module.calls(), f"{module.name} makes a Stream of its own; change one that collate made"


@pytest.mark.parametrize("module", [m for m in modules() if "encode(stream" in m.text or "model.encode(" in m.text])
def test_who_encodes_also_collates(module: Module) -> None:
    """Whoever hands a stream to a model got it from `collate` or was handed it as a Stream by its caller."""
    handed = any("stream" in node.lower() for node in module.text.split("def ")[1:] if "stream: Stream" in node)
    assert handed or "collate" in module.calls(), f"{module.name} encodes streams that no collate made"


def test_every_task_collates() -> None:
    tasks = [module for module in modules() if module.is_plug and module.package == "p5rec.tasks"]
    assert not [module.name for module in tasks if "collate" not in module.calls()]
