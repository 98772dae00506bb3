"""A real service while everything that can break is broken; all that clients saw is recorded, and judged afterwards."""
