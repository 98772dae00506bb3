"""What the project takes from others: packages with their hashes, images with their digests, and advisories."""
