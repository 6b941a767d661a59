"""Transactions: carried out whole, again where the database was only busy or away, and told in our own errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from crm_audit.errors import CrmAuditError, FixConfig, Retry, StorageFull

T = TypeVar("T")
Sleep = Callable[[float], None]

TRIES, LONGEST = 5, 5
"""How often a transaction is tried, and the longest pause in between in seconds."""

PASSING = {"08", "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "25P03", "53300"}
"""PostgreSQL: connection lost, not serializable, deadlock, locked, shut down, idle too long, too many connections."""
FULL = {"53100"}

SQLITE_BUSY, SQLITE_LOCKED, SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN = 5, 6, 8, 10, 13, 14
NO_ROOM = {SQLITE_FULL, SQLITE_IOERR | 3 << 8, SQLITE_IOERR | 19 << 8}
"""Also a write, or the shared memory of the log, that a quota cut short."""


@dataclass(frozen=True)
class Transactions:
    """Carries a piece of work out as one transaction; it must be the same work when it is carried out again."""

    engine: Engine
    sleep: Sleep

    def __call__(self, work: Callable[[Connection], T]) -> T:
        """What the work gives once it is committed."""
        retrying = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_random_exponential(multiplier=0.1, max=LONGEST),
            retry=retry_if_exception(passing),
            sleep=self.sleep,
            reraise=True,
        )
        with told(self.engine):
            given: T = retrying(self._once, work)
            return given

    def _once(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as db:
            return work(db)


@contextmanager
def told(engine: Engine) -> Iterator[None]:
    """Turn what a database says when it is full, busy, gone or not ours to write into an error of ours."""
    try:
        yield
    except DBAPIError as error:
        ours = _ours(error, where=f"store {engine.url.render_as_string(hide_password=True)}")
        if ours is None:
            raise
        raise ours from None


def _ours(error: DBAPIError, *, where: str) -> CrmAuditError | None:
    says = f"{where}: {str(error.orig).strip().partition(chr(10))[0]}"
    code = _sqlite(error)
    if code in NO_ROOM or _state(error) in FULL:
        return StorageFull(f"{says}; make room on its disk, or raise its quota, and run this again: nothing is lost")
    if passing(error):
        return Retry(f"{says}; tried {TRIES} times; what was saved stays, so run this again later")
    if code & 0xFF in (SQLITE_IOERR, SQLITE_CANTOPEN):
        return Retry(f"{says}; is its disk still there? What was saved stays, so run this again later")
    if code & 0xFF == SQLITE_READONLY:
        return FixConfig(f"{says}; the file and its folder must be writable")
    return None


def passing(error: BaseException) -> bool:
    """Whether the same transaction may well succeed the next time."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated or _sqlite(error) & 0xFF in (SQLITE_BUSY, SQLITE_LOCKED):
        return True
    state = _state(error)
    away = isinstance(error, OperationalError) and hasattr(error.orig, "sqlstate") and state == ""
    return away or state in PASSING or state[:2] in PASSING


def _sqlite(error: DBAPIError) -> int:
    """The extended result code of SQLite; 0 for other databases."""
    return int(getattr(error.orig, "sqlite_errorcode", 0))


def _state(error: DBAPIError) -> str:
    """The SQLSTATE of PostgreSQL; empty for other databases, and where no server answered."""
    return getattr(error.orig, "sqlstate", None) or ""
