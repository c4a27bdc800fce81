"""What previews and requests say, sentence by sentence. Commands and app fill in the same ones;
`{claim}`, `{exit}`, `{cancel}` and `{skip}` are what a reader types or presses."""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    # amounts
    "no_number": '{text} is not a number: write 1000.50, 1_000.50 or "all"',
    "not_above_0": "an amount must be more than 0, not {text}",
    "too_large": "{text} is more than any vault holds: name a smaller amount",
    "too_fine": "{text} has too many decimals: use at most {decimals}",
    # who reports
    "no_reporter": "the vault has no reporter",
    "stale": "the last report is too old",
    "collapsed_now": "The price has collapsed: reports deal with no request until it has "
    "recovered. {exit} stays open.",
    "collapsed_back": "You can take a request back with {cancel} until a report has closed it, and "
    "again once a later report has left it over.",
    "next_collapsed": "Your request waits: the price has collapsed. Take it back with {cancel}.",
    "nobody_reports": "No report comes at present: {why}.",
    "nobody_back": "Until one does nothing is priced or paid, and you can take a request back at "
    "any time with {cancel}.",
    "settle": "No market is open: until one is, anybody can call the vault's settle(), which deals "
    "as a report does.",
    "winding_back": "The vault is winding down: you can take a request back at any time with "
    "{cancel}.",
    "next_nobody": "Your request waits: no report comes at present. You can take it back at any "
    "time with {cancel}.",
    # deposit
    "hand_over": "You hand over {amount} now.",
    "two_steps": "Two transactions do it: the first lets the vault take {amount}, the second "
    "requests the deposit.",
    "deposit_price": "The next report closes your request, one after it sets the price: the higher "
    "of its ask and of the ask before it. Nobody knows it yet.",
    "deposit_gets": "At the last ask you would get {shares} shares, worth {worth} at the bid.",
    "deposit_back": "If the price is then more than {percent} above the lowest ask until your "
    "request is closed, the vault hands your request back, and you take it back.",
    "dear": "Deposits wait at present: the ask is more than {percent} above the bid, too much in "
    "it is not proven.",
    "waits_flat": "It waits while the ask is more than {percent} above bid. No market is open: all "
    "deposits are dealt with at once, unless a closed market's account still holds something: then "
    "as far as the day's room for deposits reaches.",
    "waits_dear": "It waits while the ask is more than {percent} above bid.",
    "waits_room": "It waits while the ask is more than {percent} above bid, and as far as the "
    "day's room for deposits does not reach ({room} was left at the last report).",
    "last_report": "The last report was {hours} hours ago ({moment}).",
    "deposit_cancel": "You can cancel the request until a report has closed it, and again once a "
    "later report has left it over. When it is dealt with, take your shares with {claim}.",
    "deposit_next": "The second report from now is the first that can price your deposit. Once it "
    "is dealt with, take your shares with {claim}.",
    # what a deposit lacks
    "winding_down": "the vault is winding down: it accepts no deposits",
    "paused": "the vault is paused: it accepts no deposits until it is unpaused",
    "not_allowed": "{who} is not on the vault's allow-list",
    "nothing": "the amount is 0",
    "list_silent": "the vault's allow-list does not answer, so nobody can deposit",
    "least": "the smallest deposit is {amount}",
    "limit": "the vault accepts at most {amount} more",
    "too_little": "you have {held}, {lacking} too little",
    # redeem
    "redeem_hand_over": "You hand over {shares} shares now.",
    "redeem_price": "The next report closes your request, one after it sets the price: the lower "
    "of its bid and of the bid before it. Nobody knows it yet.",
    "redeem_worth": "At the last bid they are worth {worth}. A profit that is not home yet is not "
    "in it: who wants his part of it leaves in kind with {exit}.",
    "redeem_back": "If the price is then more than {percent} below the highest bid until your "
    "request is closed, the vault hands your request back, and you take it back.",
    "redeem_pays": "The vault pays the oldest requests first, out of idle assets ({idle} now). It "
    "pays the rest at later reports.",
    "redeem_leave": "You can leave in kind at any time with {exit}, also with a request that "
    "waits.",
    "redeem_next": "The second report from now is the first that can price your redemption. Once "
    "it is dealt with, take the assets with {claim}.",
    "least_redeem": "that is worth less than one unit of the asset ({unit}) at the last bid: "
    "redeem at least {least} shares",
    "shares_held": "you hold {shares} shares",
    "shares_to_claim": "{shares} more are yours when you take them with {claim}",
    "shares_waiting": "{shares} more wait in your redemption requests",
    # claim
    "claim_shares": "You get {shares} shares for the {assets} that you deposited.",
    "claim_assets": "You get {assets} for the shares that you redeemed.",
    "claim_nothing": "You get nothing for the {shares} shares that you redeemed: they were worth "
    "less than one unit of the asset. The claim only clears the request.",
    "nothing_to_claim": "nothing can be claimed yet. {last_report}",
    "nothing_asked": "nothing can be claimed: you have no request",
    # cancel
    "take_back": "You take {side} request {number} back and get {amount}.",
    "take_back_more": "What reports have settled of it comes with it.",
    # leave in kind
    "exit_request": "Redemption request {number} leaves the queue whole.",
    "exit_part": "Your {shares} shares are {part} of the vault. {percent} of them are the exit "
    "fee, for those who stay.",
    "exit_idle": "From idle assets you get {assets}, less the management fee since the last "
    "report.",
    "exit_skipped": "From market {market}...: nothing, you give your part up.",
    "exit_unread": "From market {market}...: its account does not answer, so what it would pay is "
    "not known. If it lets nobody leave, give its part up with {skip}.",
    "exit_assets": "From market {market}...: {assets}.",
    "exit_tokens": "From market {market}..., outcome {number}: {yes} YES, {no} NO.",
    "exit_stays": "From market {market}...: what its wallet holds stays behind, out of the vault's "
    "reach.",
    "exit_tokens_only": "You get outcome tokens, not their price; no report and no keeper is "
    "needed.",
    "no_market": "no open market is {market}",
    # a request, where it stands
    "open": "open: the next report closes it, the one after is the first that can deal with it; "
    "until it is closed take it back with {cancel}",
    "open_behind": "open: eight rounds before it wait, a report closes it once one of them is "
    "dealt with; until then take it back with {cancel}",
    "open_nobody": "open: it waits for a report, and none comes at present ({why}); take it back "
    "with {cancel}",
    "winding_deposit": "{stage}: the vault is winding down and deals with no deposit: take it back "
    "with {cancel}",
    "settled": "settled: take it with {claim}",
    "settled_nothing": "settled at less than one unit of the asset: nothing comes of it, {claim} "
    "clears it",
    "rose": "handed back: the price rose too far since you asked, so it will never be dealt with: "
    "take it back with {cancel}",
    "fell": "handed back: the price fell too far since you asked, so it will never be dealt with: "
    "take it back with {cancel}",
    "closed": "closed: the next report can deal with it",
    "collapsed_free": "{stage}: the price has collapsed, no report deals with it until it has "
    "recovered: take it back with {cancel}",
    "closed_nobody": "closed: it waits for a report, and none comes at present ({why}); take it "
    "back with {cancel}",
    "closed_winding": "closed: it waits for the next report; the vault is winding down, so until "
    "then you can take it back with {cancel}",
    "closed_collapsed": "closed: the price has collapsed, no report deals with it until it has "
    "recovered; you can take it back once the next report has left it over",
    "waits": "waits: {reason}; take it back with {cancel}",
    "waits_nobody": "waits: {reason}, and no report comes at present ({why}); take it back with "
    "{cancel}",
    "collapsed": "the price has collapsed, nothing is dealt with: {exit} stays open",
    "no_idle": "idle assets did not reach at the last report",
    "unproven": "the ask is more than {percent} above the bid, too much in it is not proven yet",
    "no_room": "the room for deposits of this day is used up",
    # announcements
    "no_notices": "This node does not show announced changes of the owner: use another node.",
    "new_notices": "The owner announced {count} more since block {block}, when this page was made: "
    "`strongroom position` shows it.",
    "gas": "Gas takes at most {coin} of the chain's coin.",
    "no_gas": "you have none of the chain's coin to pay for gas",
    "little_gas": "you have {held} of the chain's coin, gas may take {coin}",
}
COMMANDS = {
    "claim": "`strongroom claim`",
    "exit": "`strongroom exit`",
    "cancel": "`strongroom cancel`",
    "skip": "`strongroom exit --skip MARKET`",
}


def say(sentence: str, **values: object) -> str:
    """Return a sentence of `WORDS`, filled in."""
    return WORDS[sentence].format(**{**COMMANDS, **values})
