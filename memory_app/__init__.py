"""Long-term memory: nodes, patterns, what follows from them, and the index that follows them."""
