"""Which module has which operations, imported when they are first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from emulator.services.call import Handler


class Operations(Mapping[str, Handler]):
    """A service's handlers by operation.

    Args:
        package: what module names are relative to.
        modules: for each module, its operations, separated by spaces. The module's own
            ``OPERATIONS`` maps the same names to handlers; a test compares the two.

    Raises:
        ValueError: two modules claim one operation.
    """

    def __init__(self, package: str, modules: Mapping[str, str]) -> None:
        self.package = package
        self.modules: Mapping[str, tuple[str, ...]] = {
            module: tuple(names.split()) for module, names in modules.items()
        }
        self._module_of: dict[str, str] = {}
        for module, names in self.modules.items():
            for name in names:
                if name in self._module_of:
                    raise ValueError(f"{module} and {self._module_of[name]} both have {name}")
                self._module_of[name] = module
        self._handlers: dict[str, Handler] = {}

    def __getitem__(self, operation: str) -> Handler:
        """Return an operation's handler."""
        handler = self._handlers.get(operation)
        if handler is None:
            module = self._module_of[operation]
            handler = self.load(module)[operation]
            self._handlers[operation] = handler
        return handler

    def get(self, operation: str, default: Any = None) -> Any:
        """Return an operation's handler, or ``default``; every request comes through here."""
        handler = self._handlers.get(operation)
        if handler is not None:
            return handler
        return self[operation] if operation in self._module_of else default

    def __iter__(self) -> Iterator[str]:
        return iter(self._module_of)

    def __len__(self) -> int:
        return len(self._module_of)

    def __contains__(self, operation: object) -> bool:
        """Tell whether there is such an operation, without importing it."""
        return operation in self._module_of

    def load(self, module: str) -> Mapping[str, Handler]:
        """Import one of the modules and return its handlers."""
        found: Mapping[str, Handler] = import_module(f"{self.package}.{module}").OPERATIONS
        return found
