"""Classes by name."""

from __future__ import annotations

from collections.abc import Callable


class Registry:
    def __init__(self) -> None:
        self.data: dict[str, type] = {}

    def register_module(self, module_name: str | None = None) -> Callable[[type], type]:
        def add(found: type) -> type:
            self.data[module_name or found.__name__] = found
            return found

        return add

    def __getitem__(self, name: str) -> type:
        return self.data[name]


DETECTOR = Registry()
