"""The house as the laws see it: its Python files, their imports and their functions."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from p5rec.contracts import KINDS

ROOT = Path(__file__).parents[2]
PLUG_PACKAGES = {package for package, _ in KINDS.values()}


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @functools.cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def package(self) -> str:
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @property
    def is_plug(self) -> bool:
        return self.package in PLUG_PACKAGES and not self.path.name.startswith("_")

    @functools.cached_property
    def imports(self) -> set[str]:
        """Full names of all that is imported anywhere in the file: hidden in functions and type-only ones too."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                found |= {base if alias.name == "*" else f"{base}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
                found |= {
                    arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
        return found

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        parts = parts[: len(parts) - node.level + 1]
        return ".".join(parts + ([node.module] if node.module else []))

    def calls(self) -> set[str]:
        """Names of all functions and classes the file calls."""
        return {_called(node) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}

    def functions(self) -> Iterator[tuple[str, int]]:
        """Name and lines of every function, its decorators not counted."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


@functools.cache
def modules(folder: str = "p5rec") -> tuple[Module, ...]:
    """All Python files below a folder of the project."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.append(Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return tuple(found)


@functools.cache
def module_names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


def imported_modules(module: Module) -> set[str]:
    """The files of the house that a file imports (``from p5rec.core import seed`` imports p5rec.core.seed)."""
    found = set()
    for name in module.imports:
        while name and name not in module_names():
            name = name.rpartition(".")[0]
        if name:
            found.add(name)
    return found - {module.name}
