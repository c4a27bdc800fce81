// What would happen, in plain words before it is signed: the previews of the commands
// (depositor/preview.py), and the transactions that do it.

import { hours, MICRO, moment, money, parse, percent, BPS, PRICE, SHARE, sharesText, sharesTextUp } from "./amounts.ts";
import type { Address, Hex } from "viem";
import type { Chain, Step } from "./chain.ts";
import { Refused } from "./errors.ts";
import { approval, canBeTakenBack, type Holding, holdings, type OwnVault, toVault, type Vault, worth } from "./vault.ts";
import { say } from "./words.ts";

/** What a form's fields say. */
export interface Fields {
  [name: string]: string | string[];
  skip: string[];
}

/** What would happen: sentences, what is lacking, what does it, what comes next. */
export interface Preview {
  lines: string[]; lacks: string[]; steps: Step[]; next: string; markets?: Hex[]; typed?: Permit;
}

/** A permit as wallets sign it (EIP-712). */
export interface Permit {
  types: Record<string, { name: string; type: string }[]>;
  primaryType: "Permit";
  domain: { name: string; version: string; chainId: number; verifyingContract: Address };
  message: { owner: Address; spender: Address; value: string; nonce: string; deadline: string };
}

const ROOM_FOR_ALL = 10n ** 12n * MICRO;
const assets = (state: Vault, micro: bigint) => `${money(micro)} ${state.symbol}`;
const lastReport = (state: Vault) => say("last_report", { hours: hours(state.head.time - state.lastReport), moment: moment(state.lastReport) });

/** Say why a request would not be dealt with at present, and what can be done. */
function notDealt(state: Vault): string[] {
  const lines = state.hasCollapsed ? [say("collapsed_now")] : [];
  if (state.hasCollapsed && !state.silence && !state.windingDown) lines.push(say("collapsed_back"));
  if (state.silence) {
    lines.push(`${nobody(state)} ${say("nobody_back")}`);
    if (state.isFlat) lines.push(say("settle"));
  }
  return lines;
}

const nobody = (state: Vault) => (state.silence ? say("nobody_reports", { why: say(state.silence) }) : "");

/** Say what comes next for a new request: `dealt`, or why nothing does. */
function next(state: Vault, dealt: string): string {
  if (state.silence) return say("next_nobody");
  return say(state.hasCollapsed ? "next_collapsed" : dealt);
}

/** Preview a request to deposit. */
export function deposit(state: OwnVault, { amount }: Fields): Preview {
  const given = parse(String(amount), MICRO, state.held);
  const shares = (given * PRICE) / state.ask;
  const approved = state.allowance >= given, lacks = depositLacks(state, given);
  if (state.windingDown) return { lines: [], lacks, steps: [], next: "" };
  const request = toVault("requestDeposit", given, state.who, state.who);
  const dealt = [
    say("deposit_price"),
    say("deposit_gets", { shares: sharesText(shares), worth: assets(state, worth(shares, state.bid)) }),
    say("deposit_back", { percent: percent(state.max_up_bps) }), waitingWords(state),
  ];
  const lines = [
    say("hand_over", { amount: assets(state, given) }),
    ...(approved ? [] : [say("two_steps", { amount: assets(state, given) })]),
    ...notDealt(state), ...(state.hasCollapsed ? [] : dealt),
    lastReport(state), ...state.notices, ...(state.hasCollapsed ? [] : [say("deposit_cancel")]),
  ];
  return { lines, lacks, steps: approved ? [request] : [approval(given), request], next: next(state, "deposit_next") };
}

function waitingWords(state: Vault): string {
  const limit = { percent: percent(state.max_premium_bps) };
  if (state.isDear) return say("dear", limit);
  if (state.isFlat) return say("waits_flat", limit);
  if (state.inflowRoom >= ROOM_FOR_ALL) return say("waits_dear", limit);
  return say("waits_room", { ...limit, room: assets(state, state.inflowRoom) });
}

function depositLacks(state: OwnVault, given: bigint): string[] {
  const [limit, least] = state.depositTerms, lacks: string[] = [];
  if (state.windingDown) lacks.push(say("winding_down"));
  else if (state.paused) lacks.push(say("paused"));
  if (!state.allowed) lacks.push(say(state.allowed === null ? "list_silent" : "not_allowed", { who: state.who }));
  if (!given) lacks.push(say("nothing"));
  else if (given < least) lacks.push(say("least", { amount: assets(state, least) }));
  const promised = state.navs[0] + state.waitingDeposits;
  if (promised + given > limit) lacks.push(say("limit", { amount: assets(state, limit > promised ? limit - promised : 0n) }));
  if (state.held < given) lacks.push(say("too_little", { held: assets(state, state.held), lacking: assets(state, given - state.held) }));
  return lacks;
}

function sharesLacks(state: OwnVault, shares: bigint): string[] {
  if (shares > 0n && shares <= state.shares) return [];
  const words = [say("shares_held", { shares: sharesText(state.shares) })];
  const waiting = state.requests.filter((each) => each.side === "redeem").reduce((sum, each) => sum + each.pending, 0n);
  if (state.claimShares) words.push(say("shares_to_claim", { shares: sharesText(state.claimShares) }));
  if (waiting) words.push(say("shares_waiting", { shares: sharesText(waiting) }));
  return [words.join(", ")];
}

/** Return why a redemption would never bring anything: it is worth less than one unit. */
function worthLacks(state: OwnVault, shares: bigint): string[] {
  if (worth(shares, state.bid)) return [];
  if (!state.bid) return [say("collapsed")];
  const least = (PRICE + state.bid - 1n) / state.bid;
  return [say("least_redeem", { unit: assets(state, 1n), least: sharesTextUp(least) })];
}

/** Preview a request to redeem. */
export function redeem(state: OwnVault, { amount }: Fields): Preview {
  const shares = parse(String(amount), SHARE, state.shares);
  const lines = [
    say("redeem_hand_over", { shares: sharesText(shares) }), ...notDealt(state),
    ...(state.windingDown ? [say("winding_back")] : []), ...(state.hasCollapsed ? [] : [say("redeem_price")]),
    say("redeem_worth", { worth: assets(state, worth(shares, state.bid)) }),
    ...(state.hasCollapsed ? [] : [say("redeem_back", { percent: percent(state.max_down_bps) }),
      say("redeem_pays", { idle: assets(state, state.total_idle) })]),
    lastReport(state), say("redeem_leave"),
  ];
  let lacks = sharesLacks(state, shares);
  if (!lacks.length) lacks = worthLacks(state, shares);
  return { lines, lacks, steps: [toVault("requestRedeem", shares, state.who, state.who)], next: next(state, "redeem_next") };
}

/** Preview a claim. */
export function claim(state: OwnVault): Preview {
  const lines: string[] = [], steps: Step[] = [], { who, claimDeposit, claimShares, claimRedeem, claimAssets } = state;
  if (claimDeposit || claimShares) {
    lines.push(say("claim_shares", { shares: sharesText(claimShares), assets: assets(state, claimDeposit) }));
    steps.push(claimDeposit ? toVault("deposit", claimDeposit, who) : toVault("mint", claimShares, who));
  }
  if (claimAssets) lines.push(say("claim_assets", { assets: assets(state, claimAssets) }));
  else if (claimRedeem) lines.push(say("claim_nothing", { shares: sharesTextUp(claimRedeem) }));
  if (claimRedeem) steps.push(toVault("redeem", claimRedeem, who, who));
  else if (claimAssets) steps.push(toVault("withdraw", claimAssets, who, who));
  const lacks = lines.length ? [] : [nothingToClaim(state)];
  return { lines, lacks, steps, next: "The amounts are in your account." };
}

function nothingToClaim(state: OwnVault): string {
  if (!state.requests.length) return say("nothing_asked");
  const told = [lastReport(state), nobody(state), state.windingDown ? say("winding_back") : "", state.hasCollapsed ? say("collapsed_now") : ""];
  return say("nothing_to_claim", { last_report: told.filter((each) => each).join(" ") });
}

/** Preview a cancellation; `request` is a side and an id, e.g. "deposit 3". */
export function cancel(state: OwnVault, { request }: Fields): Preview {
  const found = state.requests.find((each) => `${each.side} ${each.id}` === request && canBeTakenBack(each, state));
  if (!found) throw new Refused("You have no request that can be taken back now: one that a report has just closed waits for the next report.");
  const amount = found.side === "deposit" ? assets(state, found.pending) : `${sharesText(found.pending)} shares`;
  const lines = [say("take_back", { side: found.side, number: found.id, amount })];
  if (found.claimable) lines.push(say("take_back_more"));
  const name = found.side === "deposit" ? "cancelDepositRequest" : "cancelRedeemRequest";
  return { lines, lacks: [], steps: [toVault(name, found.id, state.who, state.who)], next: "The request is cancelled, and its amount is in your account again." };
}

/** Preview leaving in kind, holding by holding: with shares, or with a redemption that waits. */
export async function exit(state: OwnVault, { amount, request, skip }: Fields, chain: Chain): Promise<Preview> {
  const waiting = request ? state.requests.find((each) => each.side === "redeem" && String(each.id) === request && each.pending) : null;
  if (request && !waiting) throw new Refused(`No redemption request ${request} of yours waits.`);
  const shares = waiting ? waiting.pending : parse(String(amount), SHARE, state.shares);
  const fee = state.exit_fee_bps, up = (shares * fee + BPS - 1n) / BPS;
  const part = shares - up, whole = state.totalSupply || 1n;
  const found = await holdings(chain, state);
  const lines = waiting ? [say("exit_request", { number: waiting.id })] : [];
  lines.push(
    say("exit_part", { shares: sharesText(shares), part: `${((Number(shares) / Number(whole)) * 100).toFixed(6)}%`, percent: percent(fee) }),
    say("exit_idle", { assets: assets(state, (state.total_idle * part) / whole) }),
    ...found.flatMap((each) => holdingLines(state, each, part, whole, each.market !== "" && skip.includes(each.market))),
    say("exit_tokens_only"),
  );
  const step = waiting
    ? toVault("redeemRequestInKind", waiting.id, state.who, state.who, skip)
    : toVault("redeemInKind", shares, state.who, skip);
  return { lines, lacks: waiting ? [] : sharesLacks(state, shares), steps: [step], markets: found.flatMap((each) => each.market || []),
    next: "Your part is in your account: the asset, and outcome tokens where the vault held some." };
}

function holdingLines(state: Vault, held: Holding, part: bigint, whole: bigint, isSkipped: boolean): string[] {
  const market = held.market.slice(0, 12) || "unknown", lines: string[] = [];
  if (isSkipped) return [say("exit_skipped", { market })];
  if (!held.isRead) return [say("exit_unread", { market })];
  if (held.collateral) lines.push(say("exit_assets", { market, assets: assets(state, (held.collateral * part) / whole) }));
  held.outcomes.forEach((outcome, number) => {
    const [yes, no] = outcome.map((tokens) => (tokens * part) / whole);
    if (yes || no) lines.push(say("exit_tokens", { market, number, yes: money(yes), no: money(no) }));
  });
  if (held.stays) lines.push(say("exit_stays", { market }));
  return lines;
}
