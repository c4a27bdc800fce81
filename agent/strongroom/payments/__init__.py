"""Payments per call by x402: signed transfers (ERC-3009), what they are for, a buyer's budget."""
