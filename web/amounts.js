// Amounts as people type and read them, as depositor/amounts.py has them; inside they are BigInts.

import { say } from "./words.js";

export const MICRO = 10n ** 6n, SHARE = 10n ** 18n, PRICE = 10n ** 36n, BPS = 10_000n;
const MOST = 10n ** 30n;
const NUMBER = /^[+-]?(\d[\d_]*)?(\.(\d[\d_]*)?)?$/;

/** Return an amount of a unit as its base units; "all" is what is held. Throws an Error with words. */
export function parse(text, unit, held) {
  const typed = text.trim();
  if (typed === "all") return held;
  if (!NUMBER.test(typed) || !/\d/.test(typed)) throw new Error(say("no_number", { text: `'${text}'` }));
  const [whole, rest = ""] = typed.replace(/[+\-_]/g, "").split(".");
  const decimals = String(unit).length - 1;
  const digits = rest.replace(/0+$/, "");
  if (typed.startsWith("-") || !/[1-9]/.test(whole + rest)) throw new Error(say("not_above_0", { text: typed }));
  if (BigInt(whole || "0") > MOST) throw new Error(say("too_large", { text: typed }));
  if (digits.length > decimals) throw new Error(say("too_fine", { text: typed, decimals }));
  return BigInt(whole || "0") * unit + BigInt(digits.padEnd(decimals, "0") || "0");
}

const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

/** Return micro-units with two decimals, or with as many as they need: "1,000.50". */
export function money(micro) {
  const rest = String(micro % MICRO).padStart(6, "0").replace(/0+$/, "").padEnd(2, "0");
  return `${grouped(micro / MICRO)}.${rest}`;
}

/** Return base units of shares as whole ones, six decimals, rounded down. */
export function sharesText(shares) {
  return `${grouped(shares / SHARE)}.${String((shares % SHARE) / (SHARE / MICRO)).padStart(6, "0")}`;
}

/** Return a price of the vault as assets a share, six decimals. */
export function priceText(price) {
  return money(price / 10n ** 18n);
}

export const percent = (bps) => `${Number(bps) / 100} %`;
export const coinText = (wei) => (Number(wei) / 1e18).toFixed(6);

/** Return a time as people read it. */
export function moment(seconds) {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Return hours with one decimal; a half goes to the even one, as Python has it. */
export function hours(seconds) {
  const [whole, rest] = [seconds / 360n, seconds % 360n];
  const tenths = whole + (rest * 2n > 360n || (rest * 2n === 360n && whole % 2n === 1n) ? 1n : 0n);
  return `${tenths / 10n}.${tenths % 10n}`;
}
