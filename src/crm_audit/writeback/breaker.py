"""The breaker: a plan that touches more deals than an admin expects waits until somebody has reviewed it. Pure."""

from __future__ import annotations

from decimal import Decimal

from crm_audit.writeback.plan import Plan

FEW = 50
"""Deals that no share holds back: in a small organisation, one evening's changes are a large part of all."""


def held(plan: Plan, *, open_deals: int, most: int, share: Decimal) -> str | None:
    """Why a plan waits for a review; None where it need not. `share` is of the open deals, 0 to 1."""
    touched = len({write.deal for write in plan.writes})
    if touched > most:
        return f"it touches {touched:,} deals, and breaker_deals is {most:,}"
    if touched > FEW and touched > share * open_deals:
        return f"it touches {touched:,} of {open_deals:,} open deals, and breaker_share is {share}"
    return None
