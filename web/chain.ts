// One chain: what is read through the page's node, or through the wallet where it has none.

import { type Abi, type Address, createPublicClient, custom, type Hex, http, type PublicClient } from "viem";
import abi from "../agent/strongroom/chain/abi/Vault.json";
import account from "../agent/strongroom/chain/abi/DelegatedAccount.json";
import asset from "../agent/strongroom/chain/abi/Erc20.json";
import { Away, causes, failed, ofData, quantity, reasonOf, Refused, unreadable, words, wouldRevert } from "./errors.ts";
import type { Provider } from "./wallet.ts";

export const ABI = { vault: abi as Abi, account: account as Abi, asset: asset as Abi };
const ALLOWS: Abi = [{ type: "function", name: "isAllowed", inputs: [{ name: "account", type: "address" }],
  outputs: [{ name: "", type: "bool" }], stateMutability: "view" }];
const TIMEOUT = 10_000;
// no such method, no such parameter, no such block: the node has no word for what is final
const NO_SUCH_WORD = new Set([-32601, -32602, -39001]);

/** A transaction to be: what it does, where to, with which data. */
export interface Step {
  what: string; to: Address; data: Hex;
}

/** The newest block. */
export interface Head {
  number: bigint; time: bigint; baseFee: bigint;
}

/** Reads one function of a contract, typed by who asks. */
export type Reader = <T>(functionName: string, ...args: unknown[]) => Promise<T>;

/** What came of a transaction. */
export interface Receipt {
  isGood: boolean; block: bigint; gas: bigint;
}

interface Block {
  number: Hex; timestamp: Hex; baseFeePerGas?: Hex;
}

interface Simulated {
  calls: { status: Hex; gasUsed: Hex; returnData?: string; error?: { data?: string; message?: string } }[];
}

/** Return what a wallet answers to a read, unless it says nothing at all. */
function inTime(answer: Promise<unknown>): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout>;
  const silence = new Promise((_, no) => {
    timer = setTimeout(() => no(new Away("Your wallet does not answer what the page asks of the chain: unlock it, or load the page again.")), TIMEOUT);
  });
  return Promise.race([answer, silence]).finally(() => clearTimeout(timer));
}

/** Reads of one chain; every failure is `Away` or, of a call, `Refused`. */
export class Chain {
  client: PublicClient;

  constructor(rpc: string | null, provider?: Provider) {
    const transport = rpc || !provider
      ? http(rpc ?? "", { batch: { wait: 0, batchSize: 100 }, timeout: TIMEOUT, retryCount: 1 })
      : custom({ request: (asked) => inTime(provider.request(asked)) }, { retryCount: 0 });
    this.client = createPublicClient({ transport, cacheTime: 0 });
  }

  /** Ask by a method's name. */
  async request<T = Hex>(method: string, ...params: unknown[]): Promise<T> {
    try {
      return (await this.client.request({ method, params } as never)) as T;
    } catch (error) {
      throw failed(error);
    }
  }

  /** Return the newest block: number and timestamp as BigInts. */
  async head(): Promise<Head> {
    const block = await this.request<Block | null>("eth_getBlockByNumber", "latest", false);
    return { number: quantity(block?.number), time: quantity(block?.timestamp), baseFee: quantity(block?.baseFeePerGas ?? "0x0") };
  }

  async chainId(): Promise<number> {
    return Number(quantity(await this.request("eth_chainId")));
  }

  /** Return a reader of a contract at a block: `reader("navs", ...arguments)`. */
  at(address: Address, kind: Abi, blockNumber: bigint): Reader {
    return async <T>(functionName: string, ...args: unknown[]) => {
      try {
        return (await this.client.readContract({ address, abi: kind, functionName, args, blockNumber })) as T;
      } catch (error) {
        const why = reasonOf(error);
        if (why) throw new Refused(`${functionName} reverted: ${why}`);
        throw new Away(words(failed(error)));
      }
    };
  }

  allows(list: Address, who: Address, block: bigint): Promise<boolean> {
    return this.at(list, ALLOWS, block)("isAllowed", who);
  }

  /** Return the gas of transactions of one sender one after another; throws `Refused` where one
   * would revert. `whole` is false where the node tries the first one only. */
  async simulate(from: Address, steps: Step[]): Promise<{ gas: bigint; whole: boolean }> {
    const calls = steps.map(({ to, data }) => ({ from, to, data }));
    let blocks: Simulated[];
    try {
      blocks = await this.request("eth_simulateV1", { blockStateCalls: [{ calls }] }, "latest");
    } catch (error) {
      if (error instanceof Away) throw error;
      return { gas: await this.gasOf(from, steps[0]), whole: steps.length === 1 };
    }
    const tried = blocks?.[0]?.calls;
    if (tried?.length !== steps.length) throw unreadable("not every transaction was tried");
    tried.forEach((answer, place) => {
      if (quantity(answer.status) === 1n) return;
      const why = ofData(answer.returnData ?? "") || ofData(answer.error?.data ?? "") || answer.error?.message || "empty revert";
      throw wouldRevert(steps[place].what, why);
    });
    return { gas: tried.reduce((sum, each) => sum + quantity(each.gasUsed), 0n), whole: true };
  }

  /** Return the gas that the node estimates; throws `Refused` where it would revert. */
  async gasOf(from: Address, { what, to, data }: Step): Promise<bigint> {
    try {
      return quantity(await this.request("eth_estimateGas", { from, to, data }));
    } catch (error) {
      const why = reasonOf(error);
      if (why) throw wouldRevert(what, why);
      throw error;
    }
  }

  /** Return what a gas may cost, wei: room for the base fee to double. */
  async gasPrice(): Promise<bigint> {
    const [{ baseFee }, tip] = await Promise.all([
      this.head(), this.request("eth_maxPriorityFeePerGas").catch(() => "0x3b9aca00")]);
    return 2n * baseFee + quantity(tip);
  }

  /** Return what came of a transaction; null: it is in no block. */
  async receipt(hash: Hex): Promise<Receipt | null> {
    const found = await this.request<{ status: Hex; blockNumber: Hex; gasUsed: Hex } | null>("eth_getTransactionReceipt", hash);
    if (found === null) return null;
    return { isGood: quantity(found.status) === 1n, block: quantity(found.blockNumber), gas: quantity(found.gasUsed) };
  }

  /** Return the number of the newest final block; null where the node does not know that word;
   * "unknown" where it says no for another reason, which may pass. */
  async finalBlock(): Promise<bigint | null | "unknown"> {
    try {
      const block = await this.request<Block | null>("eth_getBlockByNumber", "finalized", false);
      return block ? quantity(block.number) : null;
    } catch (error) {
      if (error instanceof Away) throw error;
      for (const { code } of causes(error)) if (code !== undefined && NO_SUCH_WORD.has(code)) return null;
      return "unknown";
    }
  }
}
