"""A keeper's vault for language models: the Model Context Protocol, read-only unless configured."""
