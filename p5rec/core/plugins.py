"""The folder is the registry: every file of a plug folder is one plug, named as in the page."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import pkgutil
import sys
from abc import ABC
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from p5rec.core.config import Config
from p5rec.core.errors import InputError, nearest


class Plug(ABC):
    """What all plugs share: a configuration class that lists every parameter once."""

    Config: ClassVar[type[Config]] = Config
    internal: ClassVar[bool] = False  # put together by the program alone; no page names it


@dataclass
class Folder:
    """The plugs of one kind: a package of the project and any folders of the user's own.

    Attributes:
        kind: the word a page uses, e.g. ``"model"``.
        package: the package that holds the project's plugs, e.g. ``"p5rec.models"``.
        base: the contract each plug inherits from.
        own: folders of the user, searched first.
    """

    kind: str
    package: str
    base: type
    own: list[Path] = field(default_factory=list)

    def names(self) -> list[str]:
        """All plugs that can be named, sorted."""
        return sorted(self._files())

    def offered(self) -> list[str]:
        """Those that a page can name, sorted; of the user's own all, for a file of theirs may not load."""
        files = self._files()
        return [one for one in sorted(files) if isinstance(files[one], Path) or not self._internal(one)]

    def _internal(self, name: str) -> bool:
        return bool(getattr(self.load(name), "internal", False))

    def load(self, name: str) -> type[Any]:
        """The one class of the plug called `name`.

        Raises:
            InputError: there is no such plug (with the nearest right name), or the file does not
                define exactly one public class of the contract.
        """
        files = self._files()
        if name not in files:
            raise InputError(f"there is no {self.kind} called {name!r}; {nearest(name, self.offered())}")
        place = files[name]
        module = importlib.import_module(place) if isinstance(place, str) else _import_file(place)
        return self._only_class(module, name)

    def origin(self, name: str) -> Path | None:
        """The user's file behind a plug, or None for one of the project's."""
        place = self._files().get(name)
        return place if isinstance(place, Path) else None

    def _files(self) -> dict[str, str | Path]:
        package = importlib.import_module(self.package)
        found: dict[str, str | Path] = {
            info.name: f"{self.package}.{info.name}"
            for info in pkgutil.iter_modules(package.__path__)
            if not info.ispkg and not info.name.startswith("_")
        }
        for folder in self.own:
            found.update({path.stem: path for path in folder.glob("*.py") if not path.stem.startswith("_")})
        return found

    def _only_class(self, module: ModuleType, name: str) -> type[Any]:
        plugs = [
            value
            for key, value in vars(module).items()
            if inspect.isclass(value)
            and issubclass(value, self.base)
            and value.__module__ == module.__name__
            and not key.startswith("_")
        ]
        if len(plugs) != 1:
            raise InputError(
                f"{module.__file__}: a {self.kind} file holds exactly one public {self.base.__name__}, "
                f"found {len(plugs)}: {', '.join(plug.__name__ for plug in plugs) or 'none'}"
            )
        return plugs[0]


def _import_file(path: Path) -> ModuleType:
    """Import a user's file under a name made from its path, once."""
    name = f"p5rec_own_{path.stem}_{hashlib.sha1(str(path.resolve()).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path}: this file cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
