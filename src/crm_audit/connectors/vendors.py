"""What differs between the vendors and is needed without their libraries."""

from __future__ import annotations

from collections.abc import Mapping

SHARED_TOPICS: Mapping[str, bool] = {"salesforce": True, "hubspot": False, "files": True}
"""Ruling 7: HubSpot attaches an activity to several open deals by itself, so its topics need not be about each."""
