"""What must hold in the long-term memory."""

from memory_app.verification import memories, patterns, vectors

CHECKS = [*memories.CHECKS, *patterns.CHECKS, *vectors.CHECKS]
