"""What the end-to-end and fault tests are built from (Python's standard library only)."""
