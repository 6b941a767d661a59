"""What is kept of a mail address, and how to tell that a machine wrote."""

from __future__ import annotations

import re

AUTOMATIC = (
    r"^\s*(automatic reply|auto(matic)?[- ]?(reply|response)|out of (the )?office|undeliverable|undelivered mail"
    r"|returned mail|delivery status notification|mail delivery (failed|failure)|abwesenheits)"
)
"""Subjects of absence notices and bounces, unless a setting says otherwise."""

MACHINE = re.compile(
    r"(no[-._]{0,2}reply|do[-._]{0,2}not[-._]{0,2}reply|mailer-daemon|postmaster|bounces?\b)", re.IGNORECASE
)
"""How the address of a machine begins."""


def automatic(subject: str | None, sender: str | None, *, pattern: str = AUTOMATIC) -> bool:
    """Whether a machine wrote it, as far as its subject and the address of its sender tell."""
    return bool(re.search(pattern, subject or "", re.IGNORECASE) or MACHINE.match(sender or ""))


def domain(address: str | None) -> str | None:
    """The domain of an address in lower case: all that is kept of it."""
    _, at, name = (address or "").rpartition("@")
    return name.strip().lower() or None if at else None
