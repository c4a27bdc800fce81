"""The auditor: a vault rebuilt from logs alone, with arithmetic of its own."""
