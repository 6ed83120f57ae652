"""LanceDB is imported without what it brings along for others, who find that whole all the same."""

import subprocess
import sys

IMPORT = """
import sys
from carrier.memory.light import import_lancedb

import_lancedb()
from carrier.memory import opened

assert "lancedb" in sys.modules
assert not [name for name in sys.modules if name.startswith("lance_namespace")]
"""


def run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_store_is_imported_without_the_client_of_catalogues_which_is_there_whole_for_who_wants_it_later() -> None:
    run(IMPORT + "from lance_namespace import ListTablesRequest\nassert ListTablesRequest.model_fields\n")


def test_what_is_there_already_stays_as_it_is() -> None:
    run(
        "import lance_namespace\n"
        "from carrier.memory.light import import_lancedb\n"
        "import_lancedb()\n"
        "from lancedb.db import DropNamespaceResponse\n"
        "assert DropNamespaceResponse is lance_namespace.DropNamespaceResponse\n"
    )
