// From a preview to transactions that are final: tried, signed, sent, followed.

import type { Address, Hex } from "viem";
import type { Chain, Receipt, Step } from "./chain.ts";
import { certainly, HalfDone, quantity, Refused, words } from "./errors.ts";
import type { Wallet } from "./wallet.ts";
import { config } from "./words.ts";

/** A transaction that a wallet has sent for an account. */
interface Sent {
  what: string; hash: Hex; who: Address;
}

/** Where it stands: it waits for a block, is in one, has failed in one, another one has its nonce, or
 * the page's node has not seen it for long. */
type Standing = "waits" | "good" | "failed" | "replaced" | "unseen";

/** Shows a sentence. */
export type Tell = (text: string) => void;

const POLL_MS = 1_000;
const HASH = /^0x[0-9a-f]{64}$/i;
const SURE_MS = 30_000; // nodes behind one address may be blocks apart
const UNSEEN_MS = 120_000;
const MOST_GAS = 2n ** 24n; // that a transaction may have (EIP-7825)
const pause = () => new Promise<void>((done) => setTimeout(done, POLL_MS));

/** Send a preview's transactions one after another; each is tried before it is signed, and mined
 * before the next.
 *
 * `tell` gets a sentence of how far it is. `listed` gives what tells of one transaction, from when
 * it was sent until it is final. Every failure names what was sent before. */
export async function carryOut(
  chain: Chain, wallet: Wallet, who: Address, steps: Step[], tell: Tell, listed: () => Tell,
): Promise<void> {
  const done: Sent[] = [];
  for (const [place, step] of steps.entries()) {
    const which = steps.length > 1 ? ` (${place + 1} of ${steps.length})` : "";
    try {
      const gas = await chain.gasOf(who, step);
      tell(`Sign ${step.what} in your wallet${which}.`);
      const hash = await signed(wallet, who, step, gasLimit(gas));
      const sent = { what: step.what, hash, who };
      keep([...kept(), sent]);
      await mined(chain, sent, tell, listed());
      done.push(sent);
    } catch (error) {
      if (!done.length) throw error;
      const before = done.map(({ what, hash }) => ` ${what} was sent before (${hash}).`).join("");
      throw new HalfDone(words(error) + before);
    }
  }
}

/** Return the limit for an estimate: a fifth more, as far as a transaction may have it. */
export function gasLimit(gas: bigint): bigint {
  const more = gas + gas / 5n;
  return more > MOST_GAS && gas <= MOST_GAS ? MOST_GAS : more;
}

/** Let the wallet sign and send. An error that does not say that nothing was sent says nothing. */
async function signed(wallet: Wallet, who: Address, step: Step, gas: bigint): Promise<Hex> {
  try {
    const hash = await wallet.send(step, gas, who);
    if (typeof hash === "string" && HASH.test(hash)) return hash as Hex;
    throw new Error("no hash");
  } catch (error) {
    const words = certainly(error);
    if (words) throw new Refused(words);
    throw new HalfDone(`Your wallet did not say whether it sent ${step.what}: look at what it has sent before you try again.`);
  }
}

/** Wait until a transaction is in a block; `line` tells of it further. */
function mined(chain: Chain, sent: Sent, tell: Tell, line: Tell): Promise<void> {
  return new Promise((done, fail) => {
    let waits = true;
    void followed(chain, sent, (standing, text) => {
      line(text);
      if (!waits) return;
      waits = standing === "waits";
      if (waits) tell(text);
      else if (standing === "good") done();
      else fail(new HalfDone(text));
    });
  });
}

/** Follow again what this tab had sent before it was loaded anew, and is not final yet. */
export function resume(chain: Chain, listed: () => Tell): void {
  for (const each of kept()) {
    const line = listed();
    void followed(chain, each, (_, text) => line(text));
  }
}

const KEPT = `strongroom ${config.chain_id} ${config.vault}`;

/** Return what this tab has sent and not seen final. */
function kept(): Sent[] {
  try {
    const found: Sent[] = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return found.filter((each) => HASH.test(each.hash));
  } catch {
    return []; // a browser that keeps nothing, or something else's words
  }
}

function keep(all: Sent[]): void {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(all));
  } catch {
    // a browser that keeps nothing: the list lives as long as the page
  }
}

async function followed(chain: Chain, sent: Sent, tell: (standing: Standing, text: string) => void): Promise<void> {
  await follow(chain, sent, tell);
  keep(kept().filter((each) => each.hash !== sent.hash));
}

/** Follow a transaction until its block is final, or another one has its nonce; tell each change. */
async function follow(chain: Chain, sent: Sent, tell: (standing: Standing, text: string) => void): Promise<void> {
  const { what, hash } = sent;
  const began = Date.now();
  let nonce: bigint | null = null, known: Receipt | null = null, taken = 0; // since when
  const stands = () => (known ? inBlock(sent, known) : `${what} was sent (${hash})`);
  tell("waits", `${stands()}: it waits for a block.`);
  for (;; await pause()) {
    try {
      if ((await chain.chainId()) !== config.chain_id) {
        tell("waits", `${stands()}. Your wallet is on another chain, which knows nothing of it: do not send it again; switch back to chain ${config.chain_id}.`);
        continue;
      }
      const last = await chain.finalBlock(); // before the receipt: what is final by now stays as it is
      const receipt = await chain.receipt(hash);
      nonce ??= await nonceOf(chain, hash);
      const isGone = !receipt && nonce !== null && (await isTaken(chain, sent, nonce));
      taken = isGone ? taken || Date.now() : 0;
      if (receipt) {
        known = receipt;
        const isOver = last === null || (last !== "unknown" && last >= receipt.block);
        tell(receipt.isGood ? "good" : "failed", `${stands()}. ${finality(last, isOver)}`);
        if (isOver) return;
      } else if (taken && Date.now() - taken >= SURE_MS) {
        return tell("replaced", `Another transaction of your account took the place of ${what} (${hash}): look at your wallet before you send again.`);
      } else if (known) {
        tell("waits", `${what}: the chain undid block ${known.block}; transaction ${hash} waits for a block again.`);
      } else if (nonce === null && Date.now() - began >= UNSEEN_MS) {
        tell("unseen", `This page's node has not seen ${what} (${hash}) for two minutes. Your wallet may have replaced it, or sent it through another node: look there before you send again.`);
      } else tell("waits", `${stands()}: it waits for a block.`);
    } catch {
      tell("waits", `The node does not answer as it must. ${stands()}: do not send it again; this page waits for the node.`);
    }
  }
}

function finality(last: bigint | null | "unknown", isOver: boolean): string {
  if (last === null) return "This node does not tell when a block is final.";
  if (last === "unknown") return "The node does not say now whether it is final: this page asks again.";
  return isOver ? "Final." : "Not final yet.";
}

function inBlock({ what, hash }: Sent, { isGood, block, gas }: Receipt): string {
  if (!isGood) return `${what} failed in block ${block} (${hash}): nothing but gas was spent by it`;
  return `${what}: block ${block}, ${gas.toLocaleString("en")} gas, transaction ${hash}`;
}

/** Return a transaction's nonce, which tells of what takes its place; null: the node does not know it. */
async function nonceOf(chain: Chain, hash: Hex): Promise<bigint | null> {
  const found = await chain.request<{ nonce: Hex } | null>("eth_getTransactionByHash", hash);
  return found ? quantity(found.nonce) : null;
}

/** Return whether another transaction of the account has the nonce. */
async function isTaken(chain: Chain, { hash, who }: Sent, nonce: bigint): Promise<boolean> {
  if (quantity(await chain.request("eth_getTransactionCount", who, "latest")) <= nonce) return false;
  return (await chain.receipt(hash)) === null; // asked last: it may have come into a block just now
}
