"""The ledger's form: new files are made whole, older ones migrated, newer ones refused."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text

from carrier.errors import LedgerError
from carrier.ledger.schema import MIGRATIONS, bring_up_to_date
from carrier.ledger.tables import VERSION, metadata


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_the_migrations_lead_to_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        upgrade(config, "head")

        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []
    assert ScriptDirectory.from_config(config).get_current_head() == VERSION


def test_a_new_file_is_stamped_and_stays_as_it_is(engine: Engine) -> None:
    bring_up_to_date(engine)
    bring_up_to_date(engine)

    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [VERSION]


def test_a_file_that_a_newer_version_wrote_is_refused(engine: Engine) -> None:
    bring_up_to_date(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(LedgerError, match="newer Carrier"):
        bring_up_to_date(engine)
