"""A slow, obvious evaluator that shares no code with the product, and worlds on which the two must agree."""
