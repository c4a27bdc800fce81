// A browser wallet: found by EIP-6963, spoken to by EIP-1193.

import { getAddress } from "viem";
import { Refused } from "./errors.js";
import { config } from "./words.js";

const LEGACY_MS = 300;

/** Tell of every wallet that announces itself; of the one without a name only where none does. */
export function discover(found) {
  for (const [address, name] of Object.entries(config.accounts)) found(`${name}, of this test chain`, testAccount(address));
  const known = new Set();
  window.addEventListener("eip6963:announceProvider", ({ detail }) => {
    if (known.has(detail.info.uuid)) return;
    known.add(detail.info.uuid);
    found(detail.info.name, detail.provider);
  });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    if (!known.size && window.ethereum) found("Browser wallet", window.ethereum);
  }, LEGACY_MS);
}

/** Return a provider of an account that the test chain's own node signs for. */
function testAccount(address) {
  return {
    async request({ method, params = [] }) {
      if (method === "eth_requestAccounts") return [address];
      const asked = method === "eth_signTypedData_v4" ? [params[0], JSON.parse(params[1])] : params;
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
  constructor(name, provider, changed) {
    Object.assign(this, { name, provider, who: null, chainId: null });
    provider.on?.("accountsChanged", (accounts) => changed(this.#take(accounts)));
    provider.on?.("chainChanged", (id) => changed((this.chainId = Number(id))));
    provider.on?.("disconnect", () => changed(this.#take([])));
  }

  async connect() {
    this.#take(await this.provider.request({ method: "eth_requestAccounts" }));
    this.chainId = Number(await this.provider.request({ method: "eth_chainId" }));
  }

  get isOnChain() {
    return this.chainId === config.chain_id;
  }

  /** Ask the wallet to go to the vault's chain; one that it does not know is offered with the
   * page's node. */
  async toChain() {
    const chainId = `0x${config.chain_id.toString(16)}`;
    try {
      await this.provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId }] });
    } catch (error) {
      if (error.code !== 4902 || !config.rpc) throw error;
      const nativeCurrency = { name: "Coin of the chain", symbol: "COIN", decimals: 18 };
      const chain = { chainId, chainName: `Chain ${config.chain_id}`, rpcUrls: [config.rpc], nativeCurrency };
      await this.provider.request({ method: "wallet_addEthereumChain", params: [chain] });
    }
    this.chainId = Number(await this.provider.request({ method: "eth_chainId" }));
  }

  /** Let the wallet sign and send; return the transaction's hash. */
  async send({ to, data }, gas) {
    await this.#check();
    const call = { from: this.who, to, data, gas: `0x${gas.toString(16)}` };
    return this.provider.request({ method: "eth_sendTransaction", params: [call] });
  }

  /** Let the wallet sign typed data; nothing is sent. */
  async sign(typed) {
    await this.#check();
    return this.provider.request({ method: "eth_signTypedData_v4", params: [this.who, JSON.stringify(typed)] });
  }

  async #check() {
    this.chainId = Number(await this.provider.request({ method: "eth_chainId" }));
    if (!this.isOnChain) throw new Refused(`Your wallet is on chain ${this.chainId}, the vault on chain ${config.chain_id}: nothing was sent.`);
  }

  #take(accounts) {
    this.who = accounts.length ? getAddress(accounts[0]) : null;
  }
}
