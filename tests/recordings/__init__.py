"""Answers that the vendors really gave, beside the answers of the emulator. The recordings lie outside the project."""
