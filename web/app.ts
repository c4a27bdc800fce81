// The app: the vault as it is now, an account's part of it, and what can be done with a wallet.

import type { Address } from "viem";
import { coinText, money, moment, priceText, sharesText } from "./amounts.ts";
import { Chain } from "./chain.ts";
import { at, make, put, within } from "./elements.ts";
import { HalfDone, Refused, words } from "./errors.ts";
import * as previews from "./preview.ts";
import type { Fields, Preview } from "./preview.ts";
import * as rights from "./rights.ts";
import { carryOut, gasLimit, resume, type Tell } from "./sending.ts";
import { canBeTakenBack, look, type OwnVault, requestWords, type Vault, type VaultRequest, worth } from "./vault.ts";
import { discover, type Provider, Wallet } from "./wallet.ts";
import { config, say } from "./words.ts";

const POLL_MS = /^https?:\/\/(127\.|localhost\b)/.test(config.rpc) ? 4_000 : 15_000; // spares a stranger's node
const WAYS: Record<string, (state: OwnVault, fields: Fields, chain: Chain) => Preview | Promise<Preview>> = {
  ...previews, operator: rights.operator, permit: rights.permit,
};
const app = {
  wallet: null as Wallet | null, chain: config.rpc ? new Chain(config.rpc) : null,
  state: null as Vault | OwnVault | null, looking: null as symbol | null,
};

// the vault now

async function refresh(): Promise<void> {
  if (!app.chain) return;
  const { chain, wallet } = app;
  const who = wallet?.isOnChain ? wallet.who : null;
  const mine = Symbol("look");
  app.looking = mine;
  try {
    const [id, state] = await Promise.all([chain.chainId(), look(chain, who)]);
    if (id !== config.chain_id) throw new Refused(`The page asks a node of chain ${id}, the vault is on chain ${config.chain_id}.`);
    if (app.looking !== mine) return; // a newer look is under way
    app.state = state;
    put(at("away"), "");
    showNow(state);
    showYours(state);
  } catch (error) {
    if (app.looking !== mine) return;
    const old = app.state ? ` What stands here is of block ${app.state.head.number}, ${moment(app.state.head.time)}.` : "";
    put(at("away"), words(error) + old);
  } finally {
    if (app.looking === mine) app.looking = null;
  }
}

/** Look again; a look that is under way is not overtaken, else a slow node would never be heard. */
function poll(): void {
  if (!app.looking && !document.hidden) void refresh();
}

function showNow(state: Vault): void {
  const asset = (micro: bigint) => `${money(micro)} ${state.symbol}`;
  const round = (micro: bigint) => asset(micro - (micro % 10_000n)); // down to two decimals
  const [bid, ask] = state.navs;
  const below = state.reference > state.bid ? Number(((state.reference - state.bid) * 10_000n) / state.reference) / 100 : 0;
  const cards = [
    [priceText(state.bid), "a share, last bid"], [priceText(state.ask), "a share, last ask"],
    [round(bid), "NAV at the bid"], [round(ask), "NAV at the ask"],
    [round(state.total_idle), "of it home"], [round(state.totalExposure), "in markets, at cost"],
    [round(state.totalLosses), "losses that count"], [`${below} %`, "below the highest bid"],
    [round(state.waitingDeposits), "waits to come in"], [sharesText(state.waitingShares), "shares wait to leave"],
  ];
  at("now-cards").replaceChildren(...cards.map(([text, label]) => make("li", [make("b", text), make("span", label)])));
  put(at("now-state"), stateWords(state).join(" "));
  put(at("now-block"), `Block ${state.head.number}, ${moment(state.head.time)}. The last report was made ${moment(state.lastReport)}.`);
  at("now-notices").replaceChildren(...state.notices.map((each) => make("li", each)));
  const markets = state.openMarkets.map((each) => config.names[each] ?? `${each.slice(0, 12)}...`);
  put(at("now-markets"), markets.length ? `Open markets (${markets.length}): ${markets.join("; ")}` : "No market is open.");
}

function stateWords(state: Vault): string[] {
  const found: string[] = [];
  if (state.windingDown) found.push("The vault is winding down: it takes no deposits and gives everything back.");
  else if (state.paused) found.push("The vault is paused: it takes no deposits. Claims, redemptions and exits in kind go on.");
  if (state.nobody) found.push("The vault has no reporter: requests can be taken back at once.");
  else if (state.stale && !state.windingDown) found.push("The last report is too old: the vault is stale, and requests can be taken back at once.");
  if (state.hasCollapsed) found.push("The price has collapsed: no request is dealt with until it has recovered.");
  if (state.breakerTripped) found.push("No budget goes out: the bid has fallen too far below its highest.");
  return found.length ? found : ["The vault is open."];
}

// an account's part

function showYours(state: Vault | OwnVault): void {
  const { wallet } = app;
  const isOwn = "who" in state && wallet !== null;
  at<HTMLFieldSetElement>("forms").disabled = !isOwn;
  at("position").hidden = !isOwn;
  if (!isOwn) return;
  const asset = (micro: bigint) => `${money(micro)} ${state.symbol}`;
  const waits = (side: string) => state.requests.filter((each) => each.side === side).reduce((sum, each) => sum + each.pending, 0n);
  const lines = [
    ["account", `${state.who} (${wallet.name})`],
    ["in your account", `${asset(state.held)}, ${coinText(state.coin)} of the chain's coin`],
    ["shares", `${sharesText(state.shares)}, ${asset(worth(state.shares, state.bid))} at the bid`],
    ["waiting deposit", asset(waits("deposit"))], ["shares to claim", sharesText(state.claimShares)],
    ["waiting redemption", `${sharesText(waits("redeem"))} shares`], ["assets to claim", asset(state.claimAssets)],
  ];
  at("position").replaceChildren(...lines.flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
  const amount = (each: VaultRequest) => (each.side === "deposit" ? asset(each.pending || each.claimable) : `${sharesText(each.pending || each.claimable)} shares`);
  at("requests").replaceChildren(...state.requests.map((each) => make("li", `${each.side} request ${each.id}: ${amount(each)}, ${requestWords(each, state)}`)));
  choose(at("cancel-request"), state.requests.filter((each) => canBeTakenBack(each, state)).map((each): [string, string] => [`${each.side} ${each.id}`, `${each.side} request ${each.id}, ${amount(each)}`]), "none can be taken back now");
  choose(at("exit-request"), state.requests.filter((each) => each.side === "redeem" && each.pending).map((each): [string, string] => [String(each.id), `those of redeem request ${each.id}`]), "those that you hold");
}

/** Fill a list of choices; what was chosen stays so if it still can be. */
function choose(list: HTMLSelectElement, choices: [string, string][], none: string): void {
  const wanted = [...(choices.length && list.id === "cancel-request" ? [] : [["", none]]), ...choices];
  if (list.dataset.shown === JSON.stringify(wanted)) return;
  const before = list.value;
  list.replaceChildren(...wanted.map(([value, text]) => make("option", text, { value })));
  list.dataset.shown = JSON.stringify(wanted);
  if (wanted.some(([value]) => value === before)) list.value = before;
}

// the wallet

function offer(name: string, provider: Provider): void {
  const button = make("button", `Connect ${name}`, { type: "button" });
  put(at("no-wallet"), "");
  button.addEventListener("click", () => connect(name, provider));
  at("wallets").append(button);
}

async function connect(name: string, provider: Provider): Promise<void> {
  try {
    const wallet = new Wallet(name, provider, () => void changed());
    await wallet.connect();
    app.wallet = wallet;
    put(at("wallet-state"), "");
  } catch (error) {
    put(at("wallet-state"), words(error));
    return;
  }
  if (!config.rpc) {
    const isFirst = !app.chain;
    app.chain = new Chain(null, provider);
    if (isFirst) resume(app.chain, listed);
  }
  await changed();
}

async function changed(): Promise<void> {
  const { wallet } = app;
  for (const form of forms()) forget(form);
  app.state = null;
  at<HTMLFieldSetElement>("forms").disabled = true;
  at("position").hidden = true;
  at("requests").replaceChildren();
  const stray = wallet?.who && !wallet.isOnChain ? wallet : null;
  put(at("wrong-chain"), stray ? `Your wallet is on chain ${stray.chainId}, the vault is on chain ${config.chain_id}. ` : "");
  if (stray) {
    const button = make("button", `Switch to chain ${config.chain_id}`, { type: "button" });
    button.addEventListener("click", () => stray.toChain().then(changed, (error) => put(at("wallet-state"), words(error))));
    at("wrong-chain").append(button);
  }
  if (!stray || config.rpc) await refresh();
}

// what can be done

const forms = () => document.querySelectorAll<HTMLFormElement>("form[data-way]");
const looks = new WeakMap<HTMLFormElement, symbol>(); // the preview that a form waits for
const statusOf = (form: HTMLFormElement) => within(form, ".status");
const previewOf = (form: HTMLFormElement) => within(form, ".preview");
/** What is in a form; disabled while what it previewed is carried out: one at a time. */
const insideOf = (form: HTMLFormElement) => within<HTMLFieldSetElement>(form, "fieldset");

/** Take a preview away, also one that is still being made: what was typed or connected is another.
 * How far it is with what was sent stays. */
function forget(form: HTMLFormElement): void {
  looks.delete(form);
  previewOf(form).replaceChildren();
  if (!insideOf(form).disabled) put(statusOf(form), "");
}

function fields(form: HTMLFormElement): Fields {
  const data = new FormData(form);
  const texts = [...data].map(([name, value]): [string, string] => [name, String(value)]);
  return { ...Object.fromEntries(texts), skip: data.getAll("skip").map(String) };
}

async function preview(form: HTMLFormElement): Promise<void> {
  const { chain, wallet } = app;
  const status = statusOf(form), who = wallet?.who;
  if (!chain || !who || insideOf(form).disabled) return;
  forget(form);
  const mine = Symbol("preview"), typed = fields(form);
  looks.set(form, mine);
  put(status, "Looking at the chain ...");
  try {
    const state = await look(chain, who);
    const found = await WAYS[form.dataset.way ?? ""](state, typed, chain);
    if (looks.get(form) !== mine) return;
    if (found.markets) offerSkips(found.markets, typed.skip); // also where it is refused: one may be why
    let { lacks } = found;
    const lines = [...found.lines];
    if (!lacks.length && found.steps.length) {
      const [{ gas, whole }, price] = await Promise.all([chain.simulate(state.who, found.steps), chain.gasPrice()]);
      const coin = gasLimit(gas) * price;
      lines.push(say("gas", { coin: coinText(coin) }));
      if (!whole) lines.push("This node tries one transaction at a time: the second is tried before you sign it.");
      if (state.coin < coin) lacks = [say("little_gas", { held: coinText(state.coin), coin: coinText(coin) })];
    }
    if (looks.get(form) !== mine) return;
    show(form, who, found, lines, lacks);
    put(status, "");
  } catch (error) {
    if (looks.get(form) === mine) put(status, words(error));
  }
}

function show(form: HTMLFormElement, who: Address, found: Preview, lines: string[], lacks: string[]): void {
  const place = previewOf(form);
  if (lines.length) place.append(make("ul", lines.map((each) => make("li", each))));
  if (lacks.length) {
    place.append(make("p", `This cannot go through: ${lacks.join("; ")}.`, { class: "lacks", role: "alert" }));
    return;
  }
  const button = make("button", found.typed ? "Sign" : "Sign and send", { type: "button", class: "send" });
  button.addEventListener("click", () => void act(form, who, found));
  place.append(button);
  button.focus();
}

function offerSkips(markets: string[], chosen: string[]): void {
  at("skips").replaceChildren(...markets.map((each) => {
    const box = make("input", [], { type: "checkbox", name: "skip", value: each });
    box.checked = chosen.includes(each);
    return make("label", [box, ` ${config.names[each] ?? `${each.slice(0, 12)}...`}`]);
  }));
  at("skips-place").hidden = !markets.length;
}

async function act(form: HTMLFormElement, who: Address, found: Preview): Promise<void> {
  const tell = (text: string) => put(statusOf(form), text);
  const { chain, wallet } = app, inside = insideOf(form);
  if (!chain || !wallet || inside.disabled) return;
  inside.disabled = true;
  try {
    if (found.typed) {
      tell("Sign the permit in your wallet.");
      at<HTMLTextAreaElement>("permit-text").value = await rights.signPermit(chain, wallet, found.typed);
      at("permit-place").hidden = false;
    } else {
      await carryOut(chain, wallet, who, found.steps, tell, listed);
      form.reset(); // pressed again it would be another one
    }
    previewOf(form).replaceChildren();
    await refresh();
    tell(`Done. ${found.next}`);
  } catch (error) {
    if (error instanceof HalfDone) {
      form.reset(); // what may have been sent is not offered again
      previewOf(form).replaceChildren();
    }
    tell(words(error));
    await refresh();
  } finally {
    inside.disabled = false;
  }
}

/** Return what tells of one transaction, in a line of its own. */
function listed(): Tell {
  const line = make("li");
  at("sent").append(line);
  at("sent-place").hidden = false;
  return (text) => put(line, text);
}

function start(): void {
  document.documentElement.classList.add("live");
  for (const form of forms()) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void preview(form);
    });
    form.addEventListener("input", () => forget(form));
    form.querySelector("[data-all]")?.addEventListener("click", () => {
      within<HTMLInputElement>(form, "[name=amount]").value = "all";
      forget(form);
    });
  }
  discover(offer);
  if (app.chain) resume(app.chain, listed);
  void refresh();
  setInterval(poll, POLL_MS);
}

start();
