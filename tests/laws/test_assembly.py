"""Assembly law: only commands/ and testing/ look plugs up by name. Skew law: one collate makes every stream."""

from house import Module, modules

ASSEMBLERS = ("p5rec.commands", "p5rec.testing", "p5rec.cli", "p5rec.core.plugins")
STREAM_MAKERS = ("p5rec.collate", "p5rec.blocks.stream")


def within(module: Module, packages: tuple[str, ...]) -> bool:
    return any(module.name == package or module.name.startswith(package + ".") for package in packages)


def lookups(module: Module) -> set[str]:
    """What a module does that only assemblers may: ask for plug folders, import by name."""
    asked = {"p5rec.core.plugins.Folder", "p5rec.core.plugins", "p5rec.contracts.KINDS"} & module.imports
    return asked | (module.calls() & {"import_module", "iter_modules", "__import__", "Folder"})


def test_only_the_top_looks_plugs_up() -> None:
    others = [module for module in modules() if not within(module, ASSEMBLERS)]
    found = {module.name: lookups(module) for module in others if lookups(module)}
    found.pop("p5rec", None)  # the face loads its verbs when they are called
    assert not found


def test_the_law_sees_a_lookup() -> None:
    assert lookups(next(module for module in modules() if module.name == "p5rec.testing.making"))


def test_only_collate_makes_streams() -> None:
    """Others change a stream that collate made."""
    makers = [module.name for module in modules() if "Stream" in module.calls() and not within(module, STREAM_MAKERS)]
    assert not makers


def test_who_encodes_also_collates() -> None:
    """Whoever hands a stream to a model got it from `collate`, or was handed it as a Stream by its caller."""
    encoders = [module for module in modules() if "model.encode(" in module.text]
    assert encoders
    assert not [m.name for m in encoders if "collate" not in m.calls() and "stream: Stream" not in m.text]


def test_every_task_collates() -> None:
    tasks = [module for module in modules() if module.is_plug and module.package == "p5rec.tasks"]
    assert not [module.name for module in tasks if "collate" not in module.calls()]
