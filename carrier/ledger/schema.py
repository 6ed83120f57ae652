"""Brings a ledger file to the form this version writes: made whole when new, migrated by Alembic when older."""

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, create_mock_engine, inspect, text
from sqlalchemy.sql.ddl import ExecutableDDLElement

from carrier.errors import LedgerError
from carrier.ledger.tables import VERSION, metadata

MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up_to_date(engine: Engine) -> None:
    """Raises LedgerError for a file that a newer Carrier has written."""
    with engine.begin() as connection:
        version = _version(connection)
        if version is None:
            _create(connection)
        elif version != VERSION:
            _migrate(connection, version)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    return version


def _create(connection: Connection) -> None:
    """The newest form at once: Alembic, which takes a quarter of a second to import, is for older files."""
    for statement in _newest_form(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": VERSION})


@cache
def _newest_form(dialect: str) -> tuple[str, ...]:
    """The statements that make it: to word them takes longer than to run them."""
    statements: list[str] = []

    def listed(made: ExecutableDDLElement, *_: object) -> None:
        statements.append(str(made.compile(dialect=engine.dialect)))

    engine = create_mock_engine(f"{dialect}://", listed)
    metadata.create_all(engine, checkfirst=False)
    return tuple(statements)


def _migrate(connection: Connection, version: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        ScriptDirectory.from_config(config).get_revision(version)
    except CommandError as error:
        raise LedgerError(
            f"the ledger was written by a newer Carrier (form {version}; this one knows {VERSION})"
        ) from error
    command.upgrade(config, "head")
