"""Salesforce's query language: a grammar, a frozen syntax tree, and its evaluation over rows in memory."""
