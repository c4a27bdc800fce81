// The app: the vault as it is now, an account's part of it, and what can be done with a wallet.

import { coinText, money, moment, priceText, sharesText } from "./amounts.js";
import { Chain } from "./chain.js";
import { make, put } from "./elements.js";
import { HalfDone, Refused, words } from "./errors.js";
import * as previews from "./preview.js";
import * as rights from "./rights.js";
import { carryOut, untilFinal } from "./sending.js";
import { canBeTakenBack, look, requestWords, worth } from "./vault.js";
import { discover, Wallet } from "./wallet.js";
import { config, say } from "./words.js";

const POLL_MS = /^https?:\/\/(127\.|localhost\b)/.test(config.rpc) ? 4_000 : 15_000; // spares a stranger's node
const WAYS = { ...previews, operator: rights.operator, permit: rights.permit };
const at = (id) => document.getElementById(id);
const app = { wallet: null, chain: config.rpc ? new Chain(config.rpc) : null, state: null, looking: null };

// the vault now

async function refresh() {
  if (!app.chain) return;
  const { chain, wallet } = app;
  const who = wallet?.isOnChain ? wallet.who : null;
  const mine = (app.looking = Symbol("look"));
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
function poll() {
  if (!app.looking && !document.hidden) refresh();
}

function showNow(state) {
  const asset = (micro) => `${money(micro)} ${state.symbol}`;
  const round = (micro) => asset(micro - (micro % 10_000n)); // down to two decimals
  const [bid, ask] = state.navs;
  const below = state.reference > state.bid ? Number(((state.reference - state.bid) * 10_000n) / state.reference) / 100 : 0;
  const cards = [
    [priceText(state.bid), "a share, last bid"], [priceText(state.ask), "a share, last ask"],
    [round(bid), "NAV at the bid"], [round(ask), "NAV at the ask"],
    [round(state.total_idle), "of it home"], [round(state.totalExposure), "in markets, at cost"],
    [round(state.totalLosses), "losses that count"], [`${below} %`, "below the highest bid"],
  ];
  at("now-cards").replaceChildren(...cards.map(([text, label]) => make("li", [make("b", text), make("span", label)])));
  put(at("now-state"), stateWords(state).join(" "));
  put(at("now-block"), `Block ${state.head.number}, ${moment(state.head.time)}. The last report was made ${moment(state.lastReport)}.`);
  at("now-notices").replaceChildren(...state.notices.map((each) => make("li", each)));
}

function stateWords(state) {
  const found = [];
  if (state.windingDown) found.push("The vault is winding down: it takes no deposits and gives everything back.");
  else if (state.paused) found.push("The vault is paused: it takes no deposits. Claims, redemptions and exits in kind go on.");
  if (state.nobody) found.push("The vault has no reporter: requests can be taken back at once.");
  else if (state.stale && !state.windingDown) found.push("The last report is too old: the vault is stale, and requests can be taken back at once.");
  if (state.breakerTripped) found.push("No budget goes out: the bid has fallen too far below its highest.");
  return found.length ? found : ["The vault is open."];
}

// an account's part

function showYours(state) {
  const { wallet } = app;
  at("forms").disabled = !state.who;
  at("position").hidden = !state.who;
  if (!state.who) return;
  const asset = (micro) => `${money(micro)} ${state.symbol}`;
  const waits = (side) => state.requests.filter((each) => each.side === side).reduce((sum, each) => sum + each.pending, 0n);
  const lines = [
    ["account", `${state.who} (${wallet.name})`],
    ["in your account", `${asset(state.held)}, ${coinText(state.coin)} of the chain's coin`],
    ["shares", `${sharesText(state.shares)}, ${asset(worth(state.shares, state.bid))} at the bid`],
    ["waiting deposit", asset(waits("deposit"))], ["shares to claim", sharesText(state.claimShares)],
    ["waiting redemption", `${sharesText(waits("redeem"))} shares`], ["assets to claim", asset(state.claimAssets)],
  ];
  at("position").replaceChildren(...lines.flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
  const amount = (each) => (each.side === "deposit" ? asset(each.pending || each.claimable) : `${sharesText(each.pending || each.claimable)} shares`);
  at("requests").replaceChildren(...state.requests.map((each) => make("li", `${each.side} request ${each.id}: ${amount(each)}, ${requestWords(each, state)}`)));
  choose(at("cancel-request"), state.requests.filter((each) => canBeTakenBack(each, state)).map((each) => [`${each.side} ${each.id}`, `${each.side} request ${each.id}, ${amount(each)}`]), "none can be taken back now");
  choose(at("exit-request"), state.requests.filter((each) => each.side === "redeem" && each.pending).map((each) => [String(each.id), `those of redeem request ${each.id}`]), "those that you hold");
}

/** Fill a list of choices; what was chosen stays so if it still can be. */
function choose(list, choices, none) {
  const wanted = [...(choices.length && list.id === "cancel-request" ? [] : [["", none]]), ...choices];
  if (list.dataset.shown === JSON.stringify(wanted)) return;
  const before = list.value;
  list.replaceChildren(...wanted.map(([value, text]) => make("option", text, { value })));
  list.dataset.shown = JSON.stringify(wanted);
  if (wanted.some(([value]) => value === before)) list.value = before;
}

// the wallet

function offer(name, provider) {
  const button = make("button", `Connect ${name}`, { type: "button" });
  put(at("no-wallet"), "");
  button.addEventListener("click", () => connect(name, provider));
  at("wallets").append(button);
}

async function connect(name, provider) {
  try {
    const wallet = new Wallet(name, provider, changed);
    await wallet.connect();
    app.wallet = wallet;
    put(at("wallet-state"), "");
  } catch (error) {
    put(at("wallet-state"), words(error));
    return;
  }
  if (!config.rpc) app.chain = new Chain(null, provider);
  await changed();
}

async function changed() {
  const { wallet } = app;
  for (const form of document.querySelectorAll("form[data-way]")) forget(form);
  app.state = null;
  at("forms").disabled = true;
  at("position").hidden = true;
  at("requests").replaceChildren();
  const isOff = Boolean(wallet?.who) && !wallet.isOnChain;
  put(at("wrong-chain"), isOff ? `Your wallet is on chain ${wallet.chainId}, the vault is on chain ${config.chain_id}. ` : "");
  if (isOff) {
    const button = make("button", `Switch to chain ${config.chain_id}`, { type: "button" });
    button.addEventListener("click", () => wallet.toChain().then(changed, (error) => put(at("wallet-state"), words(error))));
    at("wrong-chain").append(button);
  }
  if (!isOff || config.rpc) await refresh();
}

// what can be done

function forget(form) {
  form.querySelector(".preview").replaceChildren();
  put(form.querySelector(".status"), "");
}

function fields(form) {
  const data = new FormData(form);
  return { ...Object.fromEntries(data), skip: data.getAll("skip") };
}

async function preview(form) {
  const status = form.querySelector(".status"), place = form.querySelector(".preview");
  forget(form);
  put(status, "Looking at the chain ...");
  try {
    const state = await look(app.chain, app.wallet.who);
    const found = await WAYS[form.dataset.way](state, fields(form), app.chain);
    let { lacks } = found;
    const lines = [...found.lines];
    if (!lacks.length && found.steps.length) {
      const [{ gas, whole }, price] = await Promise.all([app.chain.simulate(state.who, found.steps), app.chain.gasPrice()]);
      const coin = (gas + gas / 5n) * price;
      lines.push(say("gas", { coin: coinText(coin) }));
      if (!whole) lines.push("This node tries one transaction at a time: the second is tried before you sign it.");
      if (state.coin < coin) lacks = [say("little_gas", { held: coinText(state.coin), coin: coinText(coin) })];
    }
    if (found.markets) offerSkips(found.markets, fields(form).skip);
    show(form, place, found, lines, lacks);
    put(status, "");
  } catch (error) {
    put(status, error instanceof Refused || error.code || error.cause ? words(error) : error.message);
  }
}

function show(form, place, found, lines, lacks) {
  place.append(make("ul", lines.map((each) => make("li", each))));
  if (lacks.length) {
    place.append(make("p", `This cannot go through: ${lacks.join("; ")}.`, { class: "lacks", role: "alert" }));
    return;
  }
  const button = make("button", found.typed ? "Sign" : "Sign and send", { type: "button", class: "send" });
  button.addEventListener("click", () => act(form, button, found));
  place.append(button);
  button.focus();
}

function offerSkips(markets, chosen) {
  at("skips").replaceChildren(...markets.map((each) => {
    const box = make("input", [], { type: "checkbox", name: "skip", value: each });
    box.checked = chosen.includes(each);
    return make("label", [box, ` ${config.names[each] ?? `${each.slice(0, 12)}...`}`]);
  }));
  at("skips").parentElement.hidden = !markets.length;
}

async function act(form, button, found) {
  const status = form.querySelector(".status"), tell = (text) => put(status, text);
  const { chain, wallet } = app;
  button.disabled = true;
  try {
    if (found.typed) {
      tell("Sign the permit in your wallet.");
      at("permit-text").value = await rights.signPermit(chain, wallet, found.typed);
      at("permit-text").parentElement.hidden = false;
    } else {
      for (const each of await carryOut(chain, wallet, found.steps, tell)) follow(chain, each);
      form.reset(); // pressed again it would be another one
    }
    form.querySelector(".preview").replaceChildren();
    await refresh();
    tell(`Done. ${found.next}`);
  } catch (error) {
    button.disabled = false;
    if (error instanceof HalfDone) form.querySelector(".preview").replaceChildren();
    tell(words(error));
    await refresh();
  }
}

function follow(chain, sent) {
  const line = make("li");
  at("sent").append(line);
  at("sent").parentElement.hidden = false;
  untilFinal(chain, sent, (text) => put(line, text));
}

function start() {
  document.documentElement.classList.add("live");
  for (const form of document.querySelectorAll("form[data-way]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      preview(form);
    });
    form.addEventListener("input", () => forget(form));
    form.querySelector("[data-all]")?.addEventListener("click", () => {
      form.elements.amount.value = "all";
      forget(form);
    });
  }
  discover(offer);
  refresh();
  setInterval(poll, POLL_MS);
}

start();
