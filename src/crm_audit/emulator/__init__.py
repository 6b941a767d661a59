"""A local Salesforce and HubSpot over real HTTP: for the demo, for tests, and for people who write plugins."""
