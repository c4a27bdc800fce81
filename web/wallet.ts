// A browser wallet: found by EIP-6963, spoken to by EIP-1193.

import { type Address, getAddress, type Hex, isAddress } from "viem";
import type { Step } from "./chain.ts";
import { Refused } from "./errors.ts";
import type { Permit } from "./preview.ts";
import { config } from "./words.ts";

const LEGACY_MS = 300;
const CHAIN = `0x${config.chain_id.toString(16)}`; // which a wallet compares with its own

/** What is asked of a wallet (EIP-1193). */
export interface Provider {
  request(asked: { method: string; params?: unknown[] }): Promise<unknown>;
  on?(event: string, listener: (value: never) => void): unknown;
}

type Announcement = CustomEvent<{ info: { uuid: string; name: string }; provider: Provider }>;

/** Tell of every wallet that announces itself; of the one without a name only where none does. */
export function discover(found: (name: string, provider: Provider) => void): void {
  for (const [address, name] of Object.entries(config.accounts)) found(`${name}, of this test chain`, testAccount(address));
  const known = new Set<string>();
  window.addEventListener("eip6963:announceProvider", (event) => {
    const { detail } = event as Announcement;
    if (known.has(detail.info.uuid)) return;
    known.add(detail.info.uuid);
    found(detail.info.name, detail.provider);
  });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    const { ethereum } = window as { ethereum?: Provider };
    if (!known.size && ethereum) found("Browser wallet", ethereum);
  }, LEGACY_MS);
}

/** Return a provider of an account that the test chain's own node signs for. */
function testAccount(address: string): Provider {
  return {
    async request({ method, params = [] }) {
      if (method === "eth_requestAccounts") return [address];
      const asked = method === "eth_signTypedData_v4" ? [params[0], JSON.parse(String(params[1]))] : params;
      const response = await fetch(config.rpc, {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: asked }),
      });
      const { result, error } = await response.json();
      if (error) throw Object.assign(new Error(error.message), error);
      return result;
    },
  };
}

/** One account of a wallet. */
export class Wallet {
  who: Address | null = null;
  chainId: number | null = null;

  constructor(readonly name: string, readonly provider: Provider, changed: () => void) {
    provider.on?.("accountsChanged", (accounts: unknown) => {
      this.#take(accounts);
      changed();
    });
    provider.on?.("chainChanged", (id: unknown) => {
      this.chainId = Number(id);
      changed();
    });
    provider.on?.("disconnect", () => {
      this.#take([]);
      changed();
    });
  }

  async connect(): Promise<void> {
    this.#take(await this.provider.request({ method: "eth_requestAccounts" }));
    this.chainId = Number(await this.provider.request({ method: "eth_chainId" }));
  }

  get isOnChain(): boolean {
    return this.chainId === config.chain_id;
  }

  /** Ask the wallet to go to the vault's chain; one that it does not know is offered with the
   * page's node. */
  async toChain(): Promise<void> {
    try {
      await this.provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: CHAIN }] });
    } catch (error) {
      if ((error as { code?: number }).code !== 4902 || !config.rpc) throw error;
      const nativeCurrency = { name: "Coin of the chain", symbol: "COIN", decimals: 18 };
      const chain = { chainId: CHAIN, chainName: `Chain ${config.chain_id}`, rpcUrls: [config.rpc], nativeCurrency };
      await this.provider.request({ method: "wallet_addEthereumChain", params: [chain] });
    }
    this.chainId = Number(await this.provider.request({ method: "eth_chainId" }));
  }

  /** Let the wallet sign and send for an account; return what it answers. */
  async send({ to, data }: Step, gas: bigint, who: Address): Promise<unknown> {
    await this.#check(who);
    const call = { from: who, to, data, gas: `0x${gas.toString(16)}`, chainId: CHAIN };
    return this.provider.request({ method: "eth_sendTransaction", params: [call] });
  }

  /** Let the wallet sign typed data for an account; nothing is sent. */
  async sign(typed: Permit, who: Address): Promise<Hex> {
    await this.#check(who);
    return (await this.provider.request({ method: "eth_signTypedData_v4", params: [who, JSON.stringify(typed)] })) as Hex;
  }

  async #check(who: Address): Promise<void> {
    this.chainId = Number(await this.provider.request({ method: "eth_chainId" }));
    if (this.who !== who) throw new Refused("Your wallet has another account now: look at the preview again. Nothing was sent.");
    if (!this.isOnChain) throw new Refused(`Your wallet is on chain ${this.chainId}, the vault on chain ${config.chain_id}: nothing was sent.`);
  }

  #take(accounts: unknown): void {
    const [first] = Array.isArray(accounts) ? accounts : [];
    this.who = typeof first === "string" && isAddress(first, { strict: false }) ? getAddress(first) : null;
  }
}
