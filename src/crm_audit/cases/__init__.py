"""Try a pack on deals whose answer is known: worlds, and the cases that stand beside the pack."""

from __future__ import annotations

from crm_audit.cases.reading import Case, gaps, unheard
from crm_audit.cases.trying import Judge, Outcome, read, spoken, try_file, uncovered

__all__ = ["Case", "Judge", "Outcome", "gaps", "read", "spoken", "try_file", "uncovered", "unheard"]
