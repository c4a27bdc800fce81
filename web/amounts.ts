// Amounts as people type and read them, as depositor/amounts.py has them; inside they are BigInts.

import { Refused } from "./errors.ts";
import { say } from "./words.ts";

export const MICRO = 10n ** 6n, SHARE = 10n ** 18n, PRICE = 10n ** 36n, BPS = 10_000n;
const MOST = 10n ** 30n;
const NUMBER = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:[eE]([+-]?\d+))?$/;
const FURTHEST = 100; // powers of ten: beyond, it is too large or too fine whatever stands before

/** Return an amount of a unit as its base units; "all" is what is held. Throws `Refused`. */
export function parse(text: string, unit: bigint, held: bigint): bigint {
  if (text === "all") return held;
  const found = NUMBER.exec(text.trim().replaceAll("_", ""));
  if (!found) throw new Refused(say("no_number", { text: `'${text}'` }));
  const [, sign, whole = "", after, alone, exponent = "0"] = found;
  const rest = after ?? alone ?? "";
  const digits = BigInt(whole + rest), power = Number(exponent) - rest.length;
  const decimals = String(unit).length - 1;
  if (sign === "-" || !digits) throw new Refused(say("not_above_0", { text }));
  if (power > FURTHEST || over(digits, power) > MOST) throw new Refused(say("too_large", { text }));
  const places = decimals + power;
  const divisor = places < 0 ? 10n ** BigInt(Math.min(-places, FURTHEST + String(digits).length)) : 1n;
  if (digits % divisor) throw new Refused(say("too_fine", { text, decimals }));
  return places < 0 ? digits / divisor : digits * 10n ** BigInt(places);
}

/** Return digits times a power of ten, rounded up. */
function over(digits: bigint, power: number): bigint {
  if (power >= 0) return digits * 10n ** BigInt(power);
  const divisor = 10n ** BigInt(Math.min(-power, FURTHEST + String(digits).length));
  return (digits + divisor - 1n) / divisor;
}

const grouped = (number: bigint) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

/** Return micro-units with two decimals, or with as many as they need: "1,000.50". */
export function money(micro: bigint): string {
  const rest = String(micro % MICRO).padStart(6, "0").replace(/0+$/, "").padEnd(2, "0");
  return `${grouped(micro / MICRO)}.${rest}`;
}

/** Return base units of shares as whole ones, six decimals, rounded down. */
export function sharesText(shares: bigint): string {
  return `${grouped(shares / SHARE)}.${String((shares % SHARE) / (SHARE / MICRO)).padStart(6, "0")}`;
}

/** Return base units of shares as whole ones, six decimals, rounded up. */
export const sharesTextUp = (shares: bigint) => sharesText(shares + SHARE / MICRO - 1n);

/** Return a price of the vault as assets a share, six decimals. */
export function priceText(price: bigint): string {
  return money(price / 10n ** 18n);
}

export const percent = (bps: bigint) => `${Number(bps) / 100} %`;
export const coinText = (wei: bigint) => (Number(wei) / 1e18).toFixed(6);

/** Return a time as people read it. */
export function moment(seconds: bigint | number): string {
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Return seconds as hours with one decimal. */
export function hours(seconds: bigint): string {
  const tenths = (seconds * 10n + 1_800n) / 3_600n;
  return `${tenths / 10n}.${tenths % 10n}`;
}
