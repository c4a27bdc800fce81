// What went wrong, in words: the contracts' reasons, the wallet's refusals, the node's silence.

import { config } from "./words.ts";

/** What an error may have: those of viem, of wallets and of nodes differ. */
interface Told {
  name?: string; code?: number; message?: string; details?: string; shortMessage?: string;
  data?: unknown; cause?: unknown; error?: unknown;
}

/** It cannot go through, or was not done; the message is a sentence. */
export class Refused extends Error {}
/** Something was sent, or may have been: what was shown before must not be sent again. */
export class HalfDone extends Refused {}
/** The node does not answer. */
export class Away extends Error {}

const WALLET: Record<string, string> = {
  4001: "You refused in your wallet: nothing was sent.",
  4100: "Your wallet has not let this page use the account: connect again.",
  4902: "Your wallet does not know this chain: add it there, then switch.",
};
// wallets say it of a question that is open; nodes say it of what took too long, which may have been sent
const PENDING = { code: -32002, words: /already pending|request.* pending|already processing/i };
// a wallet that has lost its connection may have sent before: these say nothing of that
const LOST: Record<string, string> = {
  4900: "Your wallet has no connection: check it, then try again.",
  4901: "Your wallet has lost this chain: check it, then try again.",
};
const MOST = 200; // characters of a reason that somebody else wrote
const STRING = "0x08c379a0", PANIC = "0x4e487b71";

/** Return why a call reverted, or null where the error says nothing of a call. */
export function reasonOf(error: unknown): string | null {
  for (const each of causes(error, (told) => told.cause ?? told.error ?? told.data)) {
    const data = typeof each.data === "string" ? each.data : "";
    const found = ofData(data);
    if (found) return found;
    const told = /execution reverted:? ?(.*)|reverted with reason string '(.*)'/i.exec(each.details ?? each.message ?? "");
    if (told && data !== "0x") return told[1] || told[2] || "empty revert";
  }
  return null;
}

/** Return what a revert's bytes say; empty: nothing that is known. */
export function ofData(data: string): string {
  if (data.startsWith(STRING)) {
    const size = Number(`0x${data.slice(74, 138)}`);
    const bytes = data.slice(138, 138 + 2 * size).match(/../g) ?? [];
    return new TextDecoder().decode(Uint8Array.from(bytes, (each) => parseInt(each, 16))).slice(0, MOST);
  }
  if (data.startsWith(PANIC)) return `Panic 0x${data.slice(10).replace(/^0+/, "").padStart(2, "0")}`;
  return config.errors[data.slice(0, 10)] ?? "";
}

/** Return the refusal of a transaction that was tried and not sent: its reason, what to do. */
export function wouldRevert(what: string, why: string): Refused {
  const fits = config.advice.find(([part]) => why.includes(part));
  return new Refused(`${what} would revert: ${why}: it was not sent; ${fits ? fits[1] : config.other}`);
}

/** Return the words of an error that says for certain that the wallet sent nothing; else null. */
export function certainly(error: unknown): string | null {
  if (error instanceof Refused) return error.message;
  for (const { code, message, details } of causes(error)) {
    if (code !== undefined && WALLET[code]) return WALLET[code];
    if (code === PENDING.code && PENDING.words.test(details ?? message ?? "")) {
      return "Your wallet has a question open already: answer it there.";
    }
  }
  return POOR.test(textOf(error)) && !reasonOf(error) ? NO_GAS : null;
}

// as nodes say it; tokens have too little as well, in words of their own
const POOR = /insufficient funds|gas \* price|upfront cost exceeds account balance|doesn't have enough funds/i;
const NO_GAS = "The account has too little of the chain's coin to pay for gas: nothing was sent.";

function textOf(error: unknown): string {
  const { details, shortMessage, message } = (error ?? {}) as Told;
  return String(details ?? shortMessage ?? message ?? error).split("\n")[0].slice(0, MOST);
}

/** Go through an error and what it came of. */
export function* causes(error: unknown, next = (told: Told) => told.cause): Generator<Told> {
  for (let each = error; each && typeof each === "object"; each = next(each)) yield each;
}

const SILENT = new Set(["HttpRequestError", "TimeoutError", "SocketClosedError"]);

function isSilence(error: unknown): boolean {
  for (const { name } of causes(error)) if (name && SILENT.has(name)) return true;
  return false;
}

/** Return what a question came to that was not answered as it must be: the node says no, in its own
 * error; or it does not answer; or with what cannot be read. */
export function failed(error: unknown): unknown {
  for (const each of causes(error)) if (each instanceof Away) return each;
  if (isSilence(error)) return new Away(words(error));
  for (const { code } of causes(error)) if (code !== undefined) return error;
  return reasonOf(error) ? error : unreadable(error);
}

/** Return the error of an answer that is not what it must be. */
export function unreadable(found: unknown): Away {
  return new Away(`The node answers what cannot be read: take another one (${textOf(found)}).`);
}

/** Return a number that a node has answered, 0x and hex digits; what is none is not 0. */
export function quantity(found: unknown): bigint {
  if (typeof found === "string" && QUANTITY.test(found)) return BigInt(found);
  throw unreadable(`no number: ${JSON.stringify(found)}`);
}

const QUANTITY = /^0x[0-9a-f]{1,64}$/i;

/** Return an error's words for a reader. */
export function words(error: unknown): string {
  if (error instanceof Away) return error.message;
  const told = certainly(error), text = textOf(error);
  if (told) return told;
  for (const { code } of causes(error)) if (code !== undefined && LOST[code]) return LOST[code];
  if (/failed to fetch|fetch failed|http request failed|timed out|took too long|not answer/i.test(text)) {
    return "The node does not answer: check the connection, then try again.";
  }
  if (isSilence(error)) return `The node does not answer: check the connection, then try again (${text}).`;
  // what these name is met where an answer is not what it must be
  if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError) return unreadable(error).message;
  return `It did not work: ${text}`;
}
