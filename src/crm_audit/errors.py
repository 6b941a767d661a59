"""What can go wrong, classed by what the reader does next.

CrmAuditError
├── FixConfig      a file of yours: the message says which line                exit 2
│   └── BadPack    a rule pack that does not say what it should
├── FixInCrm       the CRM refuses us until its admin changes something         exit 3
│   ├── BadLogin   wrong, expired or revoked credentials
│   └── NoAccess   a scope, permission or field is missing
├── Retry          later may work: unreachable, overloaded, throttled           exit 3
│   ├── OutOfQuota the day's or our share's calls are used up
│   └── Busy       another process reads this connection just now
├── Unreviewed     a plan is larger than expected: review it first              exit 4
├── Incomplete     a run ended without all of its data                          exit 3
├── StorageFull    the disk or the quota of the store is full: make room        exit 2
└── StoreTooNew    the store was written by a newer crm-audit                   exit 2

Anything else that escapes is a bug of ours: exit 70, one line on screen, the rest in a log file.
"""

from __future__ import annotations

import traceback


class CrmAuditError(Exception):
    """Something the reader can act on; the text says where, what, and the likely fix."""

    exit_code = 70


class FixConfig(CrmAuditError):
    """A file, an argument or an export of the user's has to change."""

    exit_code = 2


class BadPack(FixConfig):
    """A rule pack or a case file is wrong; the text begins with `file:line`."""


class FixInCrm(CrmAuditError):
    """The CRM refuses until its admin changes something there."""

    exit_code = 3


class BadLogin(FixInCrm):
    """The CRM does not accept our credentials."""


class NoAccess(FixInCrm):
    """The connected user may not read or write this."""


class Retry(CrmAuditError):
    """The CRM or the store cannot be reached or is overloaded; the same call may work later."""

    exit_code = 3


class OutOfQuota(Retry):
    """The calls of the day, or our share of them, are used up."""


class Busy(Retry):
    """Another process reads this connection just now; the text says which, since when, and what to do."""


class Unreviewed(CrmAuditError):
    """A plan touches more deals than the breaker lets through; nothing was written. Review it, then pass its digest."""

    exit_code = 4


class Incomplete(CrmAuditError):
    """A run ended without all of its data."""

    exit_code = 3


class StorageFull(CrmAuditError):
    """There is no room left for the store; what was saved stays, and the next run goes on there."""

    exit_code = 2


class StoreTooNew(CrmAuditError):
    """The store was written by a newer version of this program."""

    exit_code = 2


def summary(error: Exception) -> str:
    """The text of an error of ours; of any other its kind and place alone, because its text may quote a record."""
    if isinstance(error, CrmAuditError):
        return str(error)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = [f" in {frame.filename.rpartition('/')[2]}, line {frame.lineno}" for frame in last]
    return "".join([type(error).__name__, *where])
