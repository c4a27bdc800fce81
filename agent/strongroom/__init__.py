"""Strongroom: managed execution vaults for prediction-market agents.

What others build on is `strongroom.strategy`: the types of a strategy pack (docs/packs-api.md).
`strongroom.errors` is the tree of every error that is raised. The rest is the product's own.
"""
