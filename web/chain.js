// One chain: what is read through the page's node, or through the wallet where it has none.

import { createPublicClient, custom, http } from "viem";
import abi from "../agent/strongroom/chain/abi/Vault.json";
import account from "../agent/strongroom/chain/abi/DelegatedAccount.json";
import asset from "../agent/strongroom/chain/abi/Erc20.json";
import { Away, ofData, reasonOf, Refused, words, wouldRevert } from "./errors.js";

export const ABI = { vault: abi, account, asset };
const ALLOWS = [{ type: "function", name: "isAllowed", inputs: [{ name: "account", type: "address" }],
  outputs: [{ name: "", type: "bool" }], stateMutability: "view" }];
const TIMEOUT = 10_000;

/** Reads of one chain; every failure is `Away` or, of a call, `Refused`. */
export class Chain {
  constructor(rpc, provider) {
    const transport = rpc
      ? http(rpc, { batch: { wait: 0, batchSize: 100 }, timeout: TIMEOUT, retryCount: 1 })
      : custom(provider, { retryCount: 0 });
    this.client = createPublicClient({ transport, cacheTime: 0 });
  }

  /** Ask by a method's name. */
  async request(method, ...params) {
    try {
      return await this.client.request({ method, params });
    } catch (error) {
      if (isSilence(error)) throw new Away(words(error));
      throw error;
    }
  }

  /** Return the newest block: number and timestamp as BigInts. */
  async head() {
    const block = await this.request("eth_getBlockByNumber", "latest", false);
    return { number: BigInt(block.number), time: BigInt(block.timestamp), baseFee: BigInt(block.baseFeePerGas ?? 0) };
  }

  async chainId() {
    return Number(await this.request("eth_chainId"));
  }

  /** Return a reader of a contract at a block: `reader("navs", ...arguments)`. */
  at(address, kind, blockNumber) {
    return async (functionName, ...args) => {
      try {
        return await this.client.readContract({ address, abi: kind, functionName, args, blockNumber });
      } catch (error) {
        const why = reasonOf(error);
        if (why) throw new Refused(`${functionName} reverted: ${why}`);
        throw new Away(words(error));
      }
    };
  }

  allows(list, who, block) {
    return this.at(list, ALLOWS, block)("isAllowed", who);
  }

  /** Return the gas of transactions of one sender one after another; throws `Refused` where one
   * would revert. `whole` is false where the node tries the first one only. */
  async simulate(from, steps) {
    const calls = steps.map(({ to, data }) => ({ from, to, data }));
    let blocks;
    try {
      blocks = await this.request("eth_simulateV1", { blockStateCalls: [{ calls }] }, "latest");
    } catch (error) {
      if (error instanceof Away) throw error;
      return { gas: await this.gasOf(from, steps[0]), whole: steps.length === 1 };
    }
    blocks[0].calls.forEach((answer, place) => {
      if (BigInt(answer.status) === 1n) return;
      const why = ofData(answer.returnData ?? "") || ofData(answer.error?.data ?? "") || answer.error?.message || "empty revert";
      throw wouldRevert(steps[place].what, why);
    });
    return { gas: blocks[0].calls.reduce((sum, each) => sum + BigInt(each.gasUsed), 0n), whole: true };
  }

  /** Return the gas that the node estimates; throws `Refused` where it would revert. */
  async gasOf(from, { what, to, data }) {
    try {
      return BigInt(await this.request("eth_estimateGas", { from, to, data }));
    } catch (error) {
      const why = reasonOf(error);
      if (why) throw wouldRevert(what, why);
      throw error;
    }
  }

  /** Return what a gas may cost, wei: room for the base fee to double. */
  async gasPrice() {
    const [{ baseFee }, tip] = await Promise.all([
      this.head(), this.request("eth_maxPriorityFeePerGas").catch(() => "0x3b9aca00")]);
    return 2n * baseFee + BigInt(tip);
  }

  receipt(hash) {
    return this.request("eth_getTransactionReceipt", hash);
  }

  /** Return the number of the newest final block; null where the node does not tell. */
  async finalBlock() {
    try {
      const block = await this.request("eth_getBlockByNumber", "finalized", false);
      return block ? BigInt(block.number) : null;
    } catch (error) {
      if (error instanceof Away) throw error;
      return null;
    }
  }
}

const SILENT = new Set(["HttpRequestError", "TimeoutError", "SocketClosedError"]);

function isSilence(error) {
  for (let each = error; each; each = each.cause) if (SILENT.has(each.name)) return true;
  return false;
}
