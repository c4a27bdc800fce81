// What an account lets others do for it: operators (ERC-7540) and permits of shares (ERC-2612).

import { type Address, encodeFunctionData, getAddress, isAddress, isAddressEqual, parseSignature } from "viem";
import { moment, parse, SHARE, sharesText } from "./amounts.ts";
import { ABI, type Chain } from "./chain.ts";
import { Refused, reasonOf, wouldRevert } from "./errors.ts";
import type { Fields, Permit, Preview } from "./preview.ts";
import { type OwnVault, toVault } from "./vault.ts";
import type { Wallet } from "./wallet.ts";
import { config } from "./words.ts";

const DAY = 86_400n;
const PERMIT = ["owner", "spender", "value", "nonce", "deadline"].map((name) => (
  { name, type: ["owner", "spender"].includes(name) ? "address" : "uint256" }));

function somebody(field: string | string[], who: Address): Address {
  const text = String(field).trim();
  if (!isAddress(text, { strict: false })) throw new Refused(`${text || "nothing"} is not an address: write 0x and 40 hex digits.`);
  const address = getAddress(text.toLowerCase()), digits = text.slice(2);
  if (![address.slice(2), digits.toLowerCase(), digits.toUpperCase()].includes(digits)) {
    throw new Refused(`${text} is mistyped: its capitals are not those of an address.`);
  }
  if (address === who) throw new Refused("This is your own account: name another one.");
  return address;
}

/** Preview that somebody becomes an operator, or is none any more. */
export async function operator(state: OwnVault, { operator: text, approved }: Fields, chain: Chain): Promise<Preview> {
  const address = somebody(text, state.who), grant = approved === "yes";
  const vault = chain.at(config.vault, ABI.vault, state.head.number);
  const has = await vault<boolean>("isOperator", state.who, address);
  const lines = grant
    ? [`${address} may then request, take back, claim and leave in kind for you, and send what comes of it wherever it likes.`,
      "Let only a contract or a person do this whom you trust with all that you have in this vault. You can end it at any time."]
    : [`${address} can do nothing for you any more. What it has done stays done.`];
  const lacks = has === grant ? [grant ? `${address} is your operator already` : `${address} is no operator of yours`] : [];
  return { lines, lacks, steps: [toVault("setOperator", address, grant)], next: grant ? "Your operator can act for you now." : "Your operator is none any more." };
}

/** Preview a permit: it is signed, and not sent. */
export async function permit(state: OwnVault, { spender: text, amount, days: field }: Fields, chain: Chain): Promise<Preview> {
  const days = String(field).trim();
  const spender = somebody(text, state.who), value = parse(String(amount), SHARE, state.shares);
  if (!/^\d{1,4}$/.test(days) || days === "0") throw new Refused("Name a number of whole days, at least 1.");
  const deadline = state.head.time + BigInt(days) * DAY;
  const vault = chain.at(config.vault, ABI.vault, state.head.number);
  const [nonce, [, name, version, chainId, verifyingContract]] = await Promise.all([
    vault<bigint>("nonces", state.who), vault<[unknown, string, string, bigint, Address]>("eip712Domain")]);
  if (!isAddressEqual(verifyingContract, config.vault) || Number(chainId) !== config.chain_id) {
    throw new Refused(`The node names contract ${verifyingContract} on chain ${chainId} for the permit, which is not this vault: nothing was signed.`);
  }
  const message = { owner: state.who, spender, value: String(value), nonce: String(nonce), deadline: String(deadline) };
  const typed: Permit = {
    types: { EIP712Domain: [{ name: "name", type: "string" }, { name: "version", type: "string" }, { name: "chainId", type: "uint256" }, { name: "verifyingContract", type: "address" }], Permit: PERMIT },
    primaryType: "Permit", domain: { name, version, chainId: Number(chainId), verifyingContract }, message,
  };
  const lines = [
    `You sign that ${spender} may take up to ${sharesText(value)} of your shares, until ${moment(deadline)}.`,
    "Nothing is sent and no gas is paid. Whoever has the signature can bring it to the vault once; your next permit, or its end, makes it void.",
  ];
  return { lines, lacks: [], typed, steps: [], next: "The permit is signed and was tried: hand it to whoever shall use it." };
}

/** Let the wallet sign a permit and try it at the vault; return it as text. */
export async function signPermit(chain: Chain, wallet: Wallet, typed: Permit): Promise<string> {
  const signature = await wallet.sign(typed, typed.message.owner);
  const { r, s, v, yParity } = parseSignature(signature);
  const { owner, spender, value, deadline } = typed.message;
  const number = Number(v ?? 27 + (yParity ?? 0));
  const args = [owner, spender, BigInt(value), BigInt(deadline), number, r, s];
  const data = encodeFunctionData({ abi: ABI.vault, functionName: "permit", args });
  try {
    await chain.request("eth_call", { from: spender, to: config.vault, data }, "latest");
  } catch (error) {
    const why = reasonOf(error);
    throw why ? wouldRevert("permit", why) : error;
  }
  return JSON.stringify({ ...typed.message, v: number, r, s }, null, 1);
}
