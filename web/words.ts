// The sentences of the commands (depositor/words.py), which the page has with it, and what the app
// calls the commands.

import type { Hex } from "viem";

/** A call of the owner's that stood when the page was made; timestamps. */
export interface Announced {
  hash: string; by: string; submitted: number; ready: number; lapses: number; words: string;
}

/** What the page has with it (app/live.py). */
export interface Config {
  vault: Hex; asset: Hex; symbol: string; chain_id: number; rpc: string; block: number;
  notices: Announced[]; notices_known: boolean; notice: string;
  names: Record<string, string>; accounts: Record<string, string>;
  limits: string[]; first_price: string; words: Record<string, string>;
  advice: [string, string][]; other: string; errors: Record<string, string>;
}

/** What fills the places of a sentence. */
export type Values = Record<string, string | number | bigint>;

export const config: Config = JSON.parse(document.getElementById("strongroom")?.textContent ?? "{}");
const NAMES: Values = { claim: '"Claim"', exit: '"Leave in kind"', cancel: '"Take back"', skip: '"Give up your part of a market"' };

/** Return a sentence, filled in. */
export function say(sentence: string, values: Values = {}): string {
  return fill(config.words[sentence], { ...NAMES, ...values });
}

/** Return a text with its {places} filled. */
export function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}
