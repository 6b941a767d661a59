"""The reference pages, written from what the code says: one pure module per page, `__main__` to refresh them all."""
