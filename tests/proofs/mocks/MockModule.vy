# pragma version 0.4.3
"""
@title A module of Protocol V2
@license AGPL-3.0-only
@author Strongroom
@notice For proofs. Any condition may have any result, or none. What it gives for what it was sent
        is nobody's concern there.
"""

results: HashMap[bytes31, uint256[2]]
isResolved: public(HashMap[bytes31, bool])


@external
@view
def getResult(condition: bytes31) -> DynArray[uint256, 2]:
    if not self.isResolved[condition]:
        return []
    return [self.results[condition][0], self.results[condition][1]]


@external
@payable
def __default__():
    pass
