"""Times that come from outside, or from a clock that was wrong for a while."""

# seconds that a time may be ahead of the chain's newest block: that may be late by as much as
# clocks may differ (`max_skew_s`), and the venue's clock be early by as much
AHEAD_S = 120


def is_ahead(moment: float, now: float) -> bool:
    """Say whether a timestamp has not come yet, whoever has told or kept it: a clock was wrong, or
    it is of another unit, and it would pass for newer than all that follows."""
    return moment > now + AHEAD_S


def is_over(since: float, pause_s: float, now: float) -> bool:
    """Say whether a pause is over that began at `since`, of the same clock. A beginning that has
    not come yet was of a clock that has been set back since: it holds nothing up."""
    return not 0 <= now - since < pause_s
