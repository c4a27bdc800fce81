// A vault as its depositors use it, read at one block (depositor/vault.py and requests.py).

import { encodeFunctionData, keccak256 } from "viem";
import { ABI } from "./chain.js";
import { BPS, moment, percent, PRICE } from "./amounts.js";
import { config, fill, say } from "./words.js";

const NOBODY = "0x" + "00".repeat(20);
const SIDES = ["deposit", "redeem"];
const COLLAPSE = 10n ** 4n, DELEGATED = 2n;
const SUBMITTED = ABI.vault.find((each) => each.type === "event" && each.name === "CallSubmitted");

/** Return the vault's state at the newest block, and of an account where one is given. */
export async function look(chain, who) {
  const head = await chain.head();
  const vault = chain.at(config.vault, ABI.vault, head.number);
  const limit = (name) => vault("limit", config.limits.indexOf(name));
  const names = ["asset", "navs", "prices", "totalSupply", "total_idle", "paused", "windingDown",
    "lastReport", "freshUntil", "reporter", "reportCount", "inflowRoom", "isFlat", "depositTerms",
    "allow_list", "totalExposure", "totalLosses", "reference", "breakerTripped", "epochs", "waitingEpochs"];
  const limits = ["max_up_bps", "max_down_bps", "max_premium_bps", "exit_fee_bps"];
  const found = await Promise.all([
    ...names.map((name) => (name === "waitingEpochs" ? vault(name, 0) : vault(name))), ...limits.map(limit)]);
  const state = Object.fromEntries([...names, ...limits].map((name, place) => [name, found[place]]));
  const [bid, ask] = state.prices;
  const asked = [state.epochs[0], ...state.waitingEpochs];
  const [notices, waiting] = await Promise.all([
    announced(chain, vault, head),
    Promise.all(asked.map((epoch) => vault("epochOf", 0, epoch))),
  ]);
  const known = {
    ...state, head, bid, ask, notices, symbol: config.symbol,
    waitingDeposits: waiting.reduce((sum, each) => sum + each[1], 0n),
    stale: head.time > state.freshUntil, nobody: state.reporter === NOBODY,
  };
  known.nobodyDeals = known.windingDown || known.stale || known.nobody;
  known.isDear = ask * BPS > bid * (BPS + known.max_premium_bps);
  return who ? { ...known, ...(await ofAccount(chain, vault, known, who)) } : known;
}

async function ofAccount(chain, vault, known, who) {
  const asset = chain.at(known.asset, ABI.asset, known.head.number);
  const [shares, held, allowance, coin, allowed, ...rest] = await Promise.all([
    vault("balanceOf", who), asset("balanceOf", who), asset("allowance", who, config.vault),
    chain.request("eth_getBalance", who, "latest"),
    known.allow_list === NOBODY ? true : chain.allows(known.allow_list, who, known.head.number),
    vault("maxDeposit", who), vault("maxMint", who), vault("maxRedeem", who), vault("maxWithdraw", who),
    requestsOf(vault, 0, who), requestsOf(vault, 1, who),
  ]);
  const [claimDeposit, claimShares, claimRedeem, claimAssets, deposits, redemptions] = rest;
  return { who, shares, held, allowance, coin: BigInt(coin), allowed, claimDeposit, claimShares,
    claimRedeem, claimAssets, requests: [...deposits, ...redemptions] };
}

async function requestsOf(vault, number, who) {
  const [pending, claimable] = number === 0
    ? ["pendingDepositRequest", "claimableDepositRequest"]
    : ["pendingRedeemRequest", "claimableRedeemRequest"];
  const epochs = await vault("liveEpochs", number, who);
  return Promise.all(epochs.map(async (id) => {
    const [left, ready, epoch] = await Promise.all([vault(pending, id, who), vault(claimable, id, who), vault("epochOf", number, id)]);
    return { side: SIDES[number], id, pending: left, claimable: ready, closedBy: epoch[3], handedBack: epoch[4] };
  }));
}

/** Return how far a request is. */
export function stage(request, state) {
  if (!request.closedBy) return "open";
  if (!request.pending) return "settled";
  if (request.handedBack) return "handed back";
  return state.reportCount > request.closedBy ? "waits" : "closed";
}

/** Say whether "Take back" would give a request back now. */
export function canBeTakenBack(request, state) {
  const now = stage(request, state);
  return now !== "settled" && (now !== "closed" || state.nobodyDeals);
}

/** Return where a request stands, and what can be done. */
export function requestWords(request, state) {
  switch (stage(request, state)) {
    case "open": return say("open");
    case "settled": return say("settled");
    case "handed back": return say(request.side === "deposit" ? "rose" : "fell");
    case "closed": return say(state.nobodyDeals ? "closed_nobody" : "closed");
    default: return say("waits", { reason: reason(request, state) });
  }
}

function reason(request, state) {
  if (state.bid * COLLAPSE < BigInt(config.first_price)) return say("collapsed");
  if (request.side === "redeem") return say("no_idle");
  return state.isDear ? say("unproven", { percent: percent(state.max_premium_bps) }) : say("no_room");
}

/** Return what open and unswept accounts would pay a part of, at a block. */
export async function holdings(chain, state) {
  const block = state.head.number;
  const vault = chain.at(config.vault, ABI.vault, block);
  const [open, unswept] = await Promise.all([vault("openMarkets"), vault("unsweptAccounts")]);
  const accounts = [...(await Promise.all(open.map((each) => vault("accountOf", each)))), ...unswept];
  return Promise.all(accounts.map(async (address) => {
    const account = chain.at(address, ABI.account, block);
    const [market, grade, [collateral, positions]] = await Promise.all([account("market"), account("grade"), account("positions")]);
    const outcomes = positions.map((each) => Object.values(each).slice(0, 2)); // YES and NO
    if (grade !== DELEGATED) return { market, collateral, outcomes, stays: false };
    const inside = await chain.at(state.asset, ABI.asset, block)("balanceOf", address);
    const outside = collateral - inside + outcomes.flat().reduce((sum, each) => sum + each, 0n);
    return { market, collateral: inside, outcomes: [], stays: outside > 0n };
  }));
}

/** Return what the owner has announced and can still do; calls that came after the page was written
 * are counted. */
async function announced(chain, vault, head) {
  const lines = [];
  for (const each of config.notices) {
    const submitted = await vault("submittedAt", each.hash);
    if (Number(submitted) !== each.submitted || Number(head.time) > each.lapses || each.ready > each.lapses) continue;
    const when = Number(head.time) >= each.ready ? "now" : `from ${moment(each.ready)} on`;
    lines.push(fill(config.notice, { by: each.by, submitted: moment(each.submitted), words: each.words, when, lapses: moment(each.lapses) }));
  }
  if (config.notices_known === false) return [...lines, say("no_notices")];
  try {
    await hear(chain, head.number);
  } catch {
    return [...lines, say("no_notices")];
  }
  const standing = await Promise.all([...heard.fresh].map((each) => vault("submittedAt", each)));
  const count = standing.filter((each) => each > 0n).length;
  return count ? [...lines, say("new_notices", { count, block: config.block })] : lines;
}

const heard = { upTo: BigInt(config.block), fresh: new Set() };

/** Hear of calls that were announced since the page was written; each block is asked for once. */
async function hear(chain, last) {
  const known = new Set(config.notices.map((each) => each.hash));
  if (last > heard.upTo) {
    const logs = await chain.client.getLogs({ address: config.vault, event: SUBMITTED, fromBlock: heard.upTo + 1n, toBlock: last });
    logs.map((each) => keccak256(each.args.call)).filter((each) => !known.has(each)).forEach((each) => heard.fresh.add(each));
  }
  heard.upTo = last; // also backwards, where the chain undid blocks
}

/** Return a transaction to the vault. */
export function toVault(functionName, ...args) {
  return { what: functionName, to: config.vault, data: encodeFunctionData({ abi: ABI.vault, functionName, args }) };
}

/** Return the transaction that lets the vault take assets. */
export function approval(state, assets) {
  return { what: "approve", to: state.asset, data: encodeFunctionData({ abi: ABI.asset, functionName: "approve", args: [config.vault, assets] }) };
}

export const worth = (shares, bid) => (shares * bid) / PRICE;
