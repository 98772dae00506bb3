"""What must hold in the long-term memory."""

from memory_app.verification import memories, patterns, retirements, vectors

CHECKS = [*memories.CHECKS, *patterns.CHECKS, *retirements.CHECKS, *vectors.CHECKS]
