"""A store on every database that can be one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

POSTGRES = os.environ.get("CRM_AUDIT_TEST_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/test")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Engine]:
    """The PostgreSQL server to test on. Where there is none, tests are skipped; under CI that is a failure."""
    engine = create_engine(
        POSTGRES, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3}
    )
    try:
        engine.connect().close()
    except OperationalError as error:
        reason = f"no PostgreSQL for the tests (set CRM_AUDIT_TEST_POSTGRES): {error.orig}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_url(postgres: Engine) -> Iterator[str]:
    """An empty schema of its own in that server, dropped after the test."""
    name = f"test_{uuid4().hex}"
    with postgres.connect() as db:
        db.execute(text(f"CREATE SCHEMA {name}"))
    try:
        url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)
    finally:
        with postgres.connect() as db:
            db.execute(text(f"DROP SCHEMA {name} CASCADE"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
