"""The reference org: one invented company, as large as the API budgets speak of, in both emulated CRMs."""

from bench.reference.day import a_day
from bench.reference.plan import BEGIN, Plan, Size
from bench.reference.portal import Portal
from bench.reference.salesforce import Org

__all__ = ["BEGIN", "Org", "Plan", "Portal", "Size", "a_day"]
