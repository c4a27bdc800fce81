// A vault as its depositors use it, read at one block (depositor/vault.py and requests.py).

import { type AbiEvent, type Address, encodeFunctionData, type Hex, keccak256, zeroAddress } from "viem";
import { ABI, type Chain, type Head, type Reader, type Step } from "./chain.ts";
import { Away, failed, quantity } from "./errors.ts";
import { BPS, moment, percent, PRICE } from "./amounts.ts";
import { config, fill, say } from "./words.ts";

const SIDES = ["deposit", "redeem"] as const;
const COLLAPSE = 10n ** 4n, DELEGATED = 2n, MOST_WAITING = 8;
const SEARCHES = 60; // in halves; a node that allows 10,000 blocks shows some three days of 2 s by them
const SUBMITTED = ABI.vault.find((each) => each.type === "event" && each.name === "CallSubmitted") as AbiEvent;

type Pair = readonly [bigint, bigint];
type Epoch = readonly [unknown, bigint, unknown, bigint, boolean]; // what was asked, the report that closed it, whether it was handed back
type Side = (typeof SIDES)[number];
type Silence = "" | "no_reporter" | "stale"; // why no report comes, as the sentences are named

/** A request of an account; amounts in base units of what was handed over. */
export interface VaultRequest {
  side: Side; id: bigint; pending: bigint; claimable: bigint; closedBy: bigint; handedBack: boolean;
}

/** What the vault's functions of the same names return. */
interface Read {
  navs: Pair; prices: Pair; totalSupply: bigint; total_idle: bigint; paused: boolean; windingDown: boolean;
  lastReport: bigint; freshUntil: bigint; reporter: Address; reportCount: bigint; inflowRoom: bigint; isFlat: boolean; depositTerms: Pair;
  allow_list: Address; totalExposure: bigint; totalLosses: bigint; reference: bigint; breakerTripped: boolean; epochs: Pair; waitingEpochs: bigint[]; openMarkets: Hex[];
  max_up_bps: bigint; max_down_bps: bigint; max_premium_bps: bigint; exit_fee_bps: bigint;
}

/** A vault at a block. */
export interface Vault extends Read {
  head: Head; bid: bigint; ask: bigint; notices: string[]; symbol: string; waitingDeposits: bigint; waitingShares: bigint;
  stale: boolean; nobody: boolean; silence: Silence; isDear: boolean; hasCollapsed: boolean;
  crowded: Record<Side, boolean>; // so many epochs wait that a report closes none
}

/** An account's part of it. */
interface Part {
  who: Address; shares: bigint; held: bigint; allowance: bigint; coin: bigint;
  allowed: boolean | null; // null: the allow-list does not answer
  claimDeposit: bigint; claimShares: bigint; claimRedeem: bigint; claimAssets: bigint; requests: VaultRequest[];
}

/** A vault at a block, with an account's part of it. */
export type OwnVault = Vault & Part;

/** What an account of the vault holds; `stays`: a wallet holds more, which nobody can take along;
 * not `isRead`: it does not answer. The market is empty of a closed one's account that does not say it. */
export interface Holding {
  market: Hex | ""; collateral: bigint; outcomes: Pair[]; stays: boolean; isRead: boolean;
}

/** Return the vault's state at the newest block, and of an account where one is given. */
export async function look(chain: Chain, who: Address): Promise<OwnVault>;
export async function look(chain: Chain, who: Address | null): Promise<Vault | OwnVault>;
export async function look(chain: Chain, who: Address | null): Promise<Vault | OwnVault> {
  const head = await chain.head();
  const vault = chain.at(config.vault, ABI.vault, head.number);
  const limit = (name: string) => vault("limit", config.limits.indexOf(name));
  const names = ["navs", "prices", "totalSupply", "total_idle", "paused", "windingDown",
    "lastReport", "freshUntil", "reporter", "reportCount", "inflowRoom", "isFlat", "depositTerms",
    "allow_list", "totalExposure", "totalLosses", "reference", "breakerTripped", "epochs", "waitingEpochs", "openMarkets"];
  const limits = ["max_up_bps", "max_down_bps", "max_premium_bps", "exit_fee_bps"];
  const found = await Promise.all([
    ...names.map((name) => (name === "waitingEpochs" ? vault(name, 0) : vault(name))), ...limits.map(limit)]);
  const state: Read = Object.fromEntries([...names, ...limits].map((name, place) => [name, found[place]])) as never;
  const [bid, ask] = state.prices;
  const waits = async (side: 0 | 1, others: bigint[]) => {
    const asked = await Promise.all([state.epochs[side], ...others].map((epoch) => vault<Epoch>("epochOf", side, epoch)));
    return asked.reduce((sum, each) => sum + each[1], 0n);
  };
  const [notices, waitingDeposits, [waitingShares, leaving]] = await Promise.all([
    announced(chain, vault, head), waits(0, state.waitingEpochs),
    vault<bigint[]>("waitingEpochs", 1).then(async (others) => [await waits(1, others), others.length] as const),
  ]);
  const known: Vault = {
    ...state, head, bid, ask, notices, symbol: config.symbol,
    waitingDeposits, waitingShares,
    crowded: { deposit: state.waitingEpochs.length >= MOST_WAITING, redeem: leaving >= MOST_WAITING },
    stale: head.time > state.freshUntil, nobody: state.reporter === zeroAddress,
    silence: state.reporter === zeroAddress ? "no_reporter" : head.time > state.freshUntil ? "stale" : "",
    hasCollapsed: bid * COLLAPSE < BigInt(config.first_price),
    isDear: ask * BPS > bid * (BPS + state.max_premium_bps),
  };
  return who ? { ...known, ...(await ofAccount(chain, vault, known, who)) } : known;
}

async function ofAccount(chain: Chain, vault: Reader, known: Vault, who: Address): Promise<Part> {
  const asset = chain.at(config.asset, ABI.asset, known.head.number);
  const number = (name: string) => vault<bigint>(name, who);
  const [shares, held, allowance, coin, allowed, claimDeposit, claimShares, claimRedeem, claimAssets, deposits, redemptions] = await Promise.all([
    number("balanceOf"), asset<bigint>("balanceOf", who), asset<bigint>("allowance", who, config.vault),
    chain.request("eth_getBalance", who, "latest"),
    known.allow_list === zeroAddress ? true : chain.allows(known.allow_list, who, known.head.number).catch(() => null),
    number("maxDeposit"), number("maxMint"), number("maxRedeem"), number("maxWithdraw"),
    requestsOf(vault, 0, who), requestsOf(vault, 1, who),
  ]);
  return { who, shares, held, allowance, coin: quantity(coin), allowed, claimDeposit, claimShares,
    claimRedeem, claimAssets, requests: [...deposits, ...redemptions] };
}

async function requestsOf(vault: Reader, number: 0 | 1, who: Address): Promise<VaultRequest[]> {
  const [pending, claimable] = number === 0
    ? ["pendingDepositRequest", "claimableDepositRequest"]
    : ["pendingRedeemRequest", "claimableRedeemRequest"];
  const epochs = await vault<bigint[]>("liveEpochs", number, who);
  return Promise.all(epochs.map(async (id) => {
    const [left, ready, epoch] = await Promise.all([vault<bigint>(pending, id, who), vault<bigint>(claimable, id, who), vault<Epoch>("epochOf", number, id)]);
    return { side: SIDES[number], id, pending: left, claimable: ready, closedBy: epoch[3], handedBack: epoch[4] };
  }));
}

/** Return how far a request is. */
export function stage(request: VaultRequest, state: Vault): string {
  if (!request.closedBy) return "open";
  if (!request.pending) return "settled";
  if (request.handedBack) return "handed back";
  return state.reportCount > request.closedBy ? "waits" : "closed";
}

/** Say whether "Take back" would give a request back now. */
export function canBeTakenBack(request: VaultRequest, state: Vault): boolean {
  const now = stage(request, state);
  return now !== "settled" && (now !== "closed" || state.windingDown || state.silence !== "");
}

/** Return where a request stands, and what can be done. */
export function requestWords(request: VaultRequest, state: OwnVault): string {
  const now = stage(request, state), { silence, windingDown } = state, isDeposit = request.side === "deposit";
  if (now === "settled") return say((isDeposit ? state.claimShares : state.claimAssets) ? "settled" : "settled_nothing");
  if (now === "handed back") return say(isDeposit ? "rose" : "fell");
  if (windingDown && isDeposit) return say("winding_deposit", { stage: now });
  if (silence) return say(`${now}_nobody`, { why: say(silence), reason: reason(request, state) });
  if (state.hasCollapsed && now !== "waits") return say(canBeTakenBack(request, state) ? "collapsed_free" : "closed_collapsed", { stage: now });
  if (now === "closed" && windingDown) return say("closed_winding");
  if (now === "open" && state.crowded[request.side]) return say("open_behind");
  return say(now, { reason: reason(request, state) });
}

function reason(request: VaultRequest, state: Vault): string {
  if (state.hasCollapsed) return say("collapsed");
  if (request.side === "redeem") return say("no_idle");
  return state.isDear ? say("unproven", { percent: percent(state.max_premium_bps) }) : say("no_room");
}

/** Return what open and unswept accounts would pay a part of, at a block. */
export async function holdings(chain: Chain, state: Vault): Promise<Holding[]> {
  const block = state.head.number;
  const vault = chain.at(config.vault, ABI.vault, block);
  const [open, unswept] = await Promise.all([vault<Hex[]>("openMarkets"), vault<Address[]>("unsweptAccounts")]);
  const named = await Promise.all(open.map(async (each) => [await vault<Address>("accountOf", each), each] as const));
  return Promise.all([...named, ...unswept.map((each) => [each, ""] as const)].map(([address, market]) => held(chain, block, address, market)));
}

/** Return what one holds; one that reverts or answers nonsense shuts nobody in. */
async function held(chain: Chain, block: bigint, address: Address, named: Hex | ""): Promise<Holding> {
  const account = chain.at(address, ABI.account, block);
  const market = named || (await account<Hex>("market").catch(() => "" as const));
  try {
    const [grade, [collateral, positions]] = await Promise.all([
      account<bigint>("grade"), account<readonly [bigint, { yes: bigint; no: bigint }[]]>("positions")]);
    const outcomes = positions.map(({ yes, no }): Pair => [yes, no]);
    if (grade !== DELEGATED) return { market, collateral, outcomes, stays: false, isRead: market !== "" };
    const inside = await chain.at(config.asset, ABI.asset, block)<bigint>("balanceOf", address);
    const outside = collateral - inside + outcomes.flat().reduce((sum, each) => sum + each, 0n);
    return { market, collateral: inside, outcomes: [], stays: outside > 0n, isRead: market !== "" };
  } catch {
    return { market, collateral: 0n, outcomes: [], stays: false, isRead: false };
  }
}

/** Return what the owner has announced and can still do; calls that came after the page was written
 * are counted. */
async function announced(chain: Chain, vault: Reader, head: Head): Promise<string[]> {
  const lines: string[] = [];
  for (const each of config.notices) {
    const submitted = await vault<bigint>("submittedAt", each.hash);
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
  const shown = new Map(config.notices.map((each) => [each.hash as string, each.submitted]));
  const standing = await Promise.all([...heard.fresh].map(async (each) => [each, await vault<bigint>("submittedAt", each)] as const));
  const count = standing.filter(([hash, at]) => at > 0n && Number(at) !== shown.get(hash)).length;
  return count ? [...lines, say("new_notices", { count, block: config.block })] : lines;
}

const heard = { upTo: BigInt(config.block), fresh: new Set<string>() };

/** Hear of calls that were announced since the page was written; each block is asked for once. */
async function hear(chain: Chain, last: bigint): Promise<void> {
  if (last > heard.upTo) for (const each of await submitted(chain, heard.upTo + 1n, last, { left: SEARCHES })) heard.fresh.add(each);
  heard.upTo = last; // also backwards, where the chain undid blocks
}

/** Return the hashes of calls announced in some blocks; in halves where a node bounds a search. */
async function submitted(chain: Chain, first: bigint, last: bigint, searches: { left: number }): Promise<Hex[]> {
  searches.left -= 1;
  try {
    const logs = await chain.client.getLogs({ address: config.vault, event: SUBMITTED, fromBlock: first, toBlock: last });
    return logs.map((each) => keccak256((each.args as { call: Hex }).call));
  } catch (error) {
    if (first === last || searches.left <= 0 || failed(error) instanceof Away) throw error;
    const middle = (first + last) / 2n;
    return [...(await submitted(chain, first, middle, searches)), ...(await submitted(chain, middle + 1n, last, searches))];
  }
}

/** Return a transaction to the vault. */
export function toVault(functionName: string, ...args: unknown[]): Step {
  return { what: functionName, to: config.vault, data: encodeFunctionData({ abi: ABI.vault, functionName, args }) };
}

/** Return the transaction that lets the vault take assets: of the token that the page names, whatever
 * a node says. */
export function approval(assets: bigint): Step {
  return { what: "approve", to: config.asset, data: encodeFunctionData({ abi: ABI.asset, functionName: "approve", args: [config.vault, assets] }) };
}

export const worth = (shares: bigint, bid: bigint) => (shares * bid) / PRICE;
