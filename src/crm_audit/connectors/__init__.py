"""One module or package per source of deals. What is installed into a CRM lies in the top-level `connectors/`."""
