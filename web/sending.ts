// From a preview to transactions that are final: tried, signed, waited for, watched.

import type { Address, Hex } from "viem";
import type { Chain, Receipt, Step } from "./chain.ts";
import { Away, certainly, HalfDone, quantity, Refused, words } from "./errors.ts";

import type { Wallet } from "./wallet.ts";

/** A transaction that is in a block. */
export interface Sent {
  what: string; hash: Hex; receipt: Receipt;
}

type Tell = (text: string) => void;

const POLL_MS = 1_000;
const HASH = /^0x[0-9a-f]{64}$/i;
const pause = () => new Promise<void>((done) => setTimeout(done, POLL_MS));

/** Send a preview's transactions one after another; each is tried before it is signed, and mined
 * before the next. Returns what was sent: name, hash, receipt.
 *
 * `tell` gets a sentence of how far it is. Every failure names what was sent before. */
export async function carryOut(chain: Chain, wallet: Wallet, who: Address, steps: Step[], tell: Tell): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (const [place, step] of steps.entries()) {
    const which = steps.length > 1 ? ` (${place + 1} of ${steps.length})` : "";
    try {
      const gas = await chain.gasOf(who, step);
      tell(`Sign ${step.what} in your wallet${which}.`);
      const hash = await signed(wallet, who, step, gas + gas / 5n);
      tell(`${step.what}${which} was sent (${hash}): it waits for a block.`);
      const receipt = await mined(chain, who, step.what, hash, tell);
      sent.push({ what: step.what, hash, receipt });
    } catch (error) {
      if (!sent.length) throw error;
      const before = sent.map(({ what, hash }) => ` ${what} was sent before (${hash}).`).join("");
      throw new HalfDone(words(error) + before);
    }
  }
  return sent;
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

/** Wait until a transaction is in a block; return its receipt. */
async function mined(chain: Chain, who: Address, what: string, hash: Hex, tell: Tell): Promise<Receipt> {
  let nonce: bigint | null = null;
  for (;;) {
    try {
      const receipt = await chain.receipt(hash);
      if (receipt && !receipt.isGood) {
        throw new HalfDone(`${what} failed in block ${receipt.block} (${hash}): nothing but gas was spent by it.`);
      }
      if (receipt) return receipt;
      const found = await chain.request<{ nonce: Hex } | null>("eth_getTransactionByHash", hash);
      if (found) nonce = quantity(found.nonce);
      else if (nonce !== null && quantity(await chain.request("eth_getTransactionCount", who, "latest")) > nonce) {
        throw new HalfDone(`Another transaction of your account took the place of ${what} (${hash}): look at your wallet.`);
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      tell(`The node does not answer as it must. ${what} was sent (${hash}): do not send it again; this page waits for the node.`);
    }
    await pause();
  }
}

/** Follow a mined transaction until its block is final; tell each change. */
export async function untilFinal(chain: Chain, { what, hash, receipt }: Sent, tell: Tell): Promise<void> {
  let known = receipt;
  const name = () => `${what}: block ${known.block}, ${known.gas.toLocaleString("en")} gas, transaction ${hash}`;
  tell(`${name()}. Not final yet.`);
  for (;;) {
    await pause();
    try {
      const now = await chain.receipt(hash);
      if (!now) {
        tell(`${what}: the chain undid block ${known.block}; transaction ${hash} waits for a block again.`);
        continue;
      }
      known = now;
      const last = await chain.finalBlock();
      if (last === null) return tell(`${name()}. This node does not tell when a block is final.`);
      if (last >= known.block) return tell(`${name()}. Final.`);
      tell(`${name()}. Not final yet.`);
    } catch (error) {
      if (!(error instanceof Away)) return tell(`${name()}. ${words(error)}`);
    }
  }
}
