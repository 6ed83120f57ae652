"""Imports LanceDB without the client of remote catalogues that it brings along, which nothing here asks anything.

That client is hundreds of generated models: two thirds of the import, a second of work, and 20 MB.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

CATALOGUES = ("lance_namespace", "lance_namespace_urllib3_client")


def import_lancedb() -> None:
    """`lancedb` is imported; whoever imports the catalogues later gets them whole."""
    if any(name in sys.modules for name in ("lancedb", *CATALOGUES)):
        return
    stand_ins = _StandIns()
    sys.meta_path.insert(0, stand_ins)
    try:
        import lancedb  # noqa: F401
    finally:
        sys.meta_path.remove(stand_ins)
        for name in [name for name in sys.modules if name.partition(".")[0] in CATALOGUES]:
            del sys.modules[name]


class _StandIns(MetaPathFinder, Loader):
    """Finds a module without anything in it wherever the client, or a part of it, is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        there = fullname.partition(".")[0] == CATALOGUES[1]
        return ModuleSpec(fullname, self, is_package=True) if there else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _StandIn(ModuleType):
    """Has an empty class of any name."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})
