"""The session endpoints: read the input, call one operation, shape the response."""
