"""Sells what the project's readers know, per call: free and older, or paid by x402, of now."""
