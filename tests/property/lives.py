"""Seeded lives to start from."""

import random

from tests.property.world import World


def lived(project, seed: int, steps: int = 300, **terms) -> tuple[World, random.Random]:
    """Return a world some way into a random life, and the chance that led there."""
    world, chance = World(project, **terms), random.Random(seed)
    for step in range(steps):
        world.step(chance)
        if step % 50 == 0:
            world.claim_all()
    return world, chance
