"""What was dealt with whoever makes and takes outcome tokens, at its worth: nothing may be lost,
whatever becomes of the questions.

A set split or merged is worth the same in every case, so is a token redeemed at its payout. Tokens
that are sent there for nothing are not.
"""

from collections.abc import Mapping, Sequence

from strongroom.audit.explained import ASSET

Payout = tuple[int, int, int]  # of YES, of NO, of both together; 0: not resolved yet


def lost(
    gave: Mapping[str, int],
    got: Mapping[str, int],
    tokens: Sequence[str],
    payouts: Sequence[Payout],
    times: Mapping[str, int],
    whole: bool = False,
) -> int:
    """Return what is lost in the worst case, base units of the asset; 0 where nothing is.

    Args:
        gave, got: token -> amount
        tokens: of a market: YES and NO of each condition in turn; of its questions one at most is
            answered by YES
        payouts: of each condition
        times: token -> how often it was given: each payout may be rounded down
        whole: one of its questions is answered by YES: if none is yet, one of those that are open
    """
    sure = got.get(ASSET, 0) - gave.get(ASSET, 0)
    open_pairs = list[tuple[int, int]]()
    pairs = zip(tokens[::2], tokens[1::2], strict=True)
    for pair, (*parts, of) in zip(pairs, payouts, strict=True):
        if of:
            for token, part in zip(pair, parts, strict=True):
                owed = gave.get(token, 0) * part // of - max(0, times.get(token, 0) - 1)
                sure += -(-got.get(token, 0) * part // of) - max(0, owed)
        else:
            yes, no = (got.get(each, 0) - gave.get(each, 0) for each in pair)
            open_pairs.append((yes, no))
    all_no = sum(no for _, no in open_pairs)
    cases = [all_no + yes - no for yes, no in open_pairs]
    is_answered = any(of and yes for yes, _, of in payouts)
    if is_answered or not (whole and cases):
        cases.append(all_no)
    return max(0, -(sure + min(cases)))
