"""crm-audit: which stage does the evidence support?"""

__version__ = "0.1.0"
