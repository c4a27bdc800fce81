// Chromium, driven line by line: a JSON command comes in, its result goes out. The page gets a
// wallet (EIP-6963) whose account a node signs for; `wallet` changes how it answers.

import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const LONGEST = 120_000; // ms a command may take
const AXE = readFileSync("node_modules/axe-core/axe.min.js", "utf8");
const [, , executablePath] = process.argv;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
let page, context, meter;
// unknown: methods that it does not have; loses: it sends, and its answer is an error; lies: method -> what it answers without asking anybody, or {error}; silent: methods that it never answers; refuses_after: signs so many, then refuses; blocks: once it has sent, the page does not reach this
const wallet = { node: "", account: "", chainId: null, refuses: false, refuses_after: null, knows: true, blocks: null, unknown: [], loses: false, lies: {}, silent: [] };
let answered = []; // the page's questions to the node
const seen = { requests: [], said: [], asked: [], signed: [], bytes: 0 };

/** Answer as a wallet does. */
async function answer({ method, params = [] }) {
  seen.asked.push(method);
  if (/^eth_(send|sign)/.test(method)) seen.signed.push(params);
  if (wallet.silent.includes(method)) return new Promise(() => {});
  if (method in wallet.lies) {
    const lie = wallet.lies[method];
    return lie?.error ? lie : { result: lie };
  }
  const refusal = (code, message) => ({ error: { code, message } });
  if (wallet.unknown.includes(method)) return refusal(-32601, "the method does not exist");
  if (method === "eth_requestAccounts") return wallet.refuses ? refusal(4001, "User rejected the request.") : { result: [wallet.account] };
  if (method === "eth_chainId" && wallet.chainId) return { result: wallet.chainId };
  if (method === "wallet_switchEthereumChain") {
    if (wallet.refuses) return refusal(4001, "User rejected the request.");
    if (!wallet.knows) return refusal(4902, "Unrecognized chain ID");
    wallet.chainId = null;
    return { result: null };
  }
  if (method === "wallet_addEthereumChain") {
    wallet.chainId = null;
    return { result: null };
  }
  if (/^eth_(send|sign)/.test(method)) {
    if (wallet.refuses || wallet.refuses_after === 0) return refusal(4001, "User rejected the request.");
    if (wallet.refuses_after) wallet.refuses_after -= 1;
    if (wallet.blocks) await commands.block({ url: wallet.blocks });
    wallet.blocks = null;
  }
  const asked = method === "eth_signTypedData_v4" ? [params[0], JSON.parse(params[1])] : params;
  const response = await fetch(wallet.node, { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: asked }) });
  if (wallet.loses && method === "eth_sendTransaction") return refusal(-32603, "Internal JSON-RPC error.");
  return response.json();
}

/** Put a wallet into a page, before its scripts run. */
function inject() {
  const listeners = {};
  const provider = {
    on(event, listener) {
      listeners[event] ??= [];
      listeners[event].push(listener);
    },
    async request(asked) {
      const { result, error } = await window.strongroomWallet(JSON.stringify(asked));
      if (error) throw Object.assign(new Error(error.message), { code: error.code, data: error.data });
      return result;
    },
  };
  window.tellWallet = (event, value) => {
    for (const each of listeners[event] ?? []) each(value);
  };
  const info = { uuid: "00000000-0000-4000-8000-000000000000", name: "Test wallet", icon: "data:,", rdns: "test" };
  const announce = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
  window.addEventListener("eip6963:requestProvider", announce);
  announce();
}

const commands = {
  async open({ url, width = 1280, height = 900, dark = false, wallet: has = true, live = true, clock = false }) {
    await context?.close();
    Object.assign(seen, { requests: [], said: [], asked: [], signed: [], bytes: 0 });
    context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
    if (clock) await page.clock.install();
    page.on("request", (request) => seen.requests.push(request.url()));
    page.on("response", (response) => { if (response.url().startsWith(wallet.node)) answered.push(response.request().postData() ?? ""); });
    page.on("console", (message) => seen.said.push(message.text()));
    page.on("pageerror", (error) => seen.said.push(String(error)));
    if (has) {
      await page.exposeFunction("strongroomWallet", async (text) => answer(JSON.parse(text)));
      await page.addInitScript(inject);
    }
    meter = await context.newCDPSession(page);
    await meter.send("Performance.enable", { timeDomain: "threadTicks" });
    const started = Date.now();
    await page.goto(url);
    if (live) await page.waitForFunction(() => document.documentElement.classList.contains("live"));
    return Date.now() - started;
  },
  /** Let time pass on a page that was opened with a clock; what is due happens once. */
  async later({ ms }) { await page.clock.fastForward(ms); },
  async reload() {
    await page.reload();
    await page.waitForFunction(() => document.documentElement.classList.contains("live"));
  },
  async wallet(changes) { Object.assign(wallet, changes); },
  async tell({ event, value }) { await page.evaluate(([name, what]) => window.tellWallet(name, what), [event, value]); },
  async fill({ form, name, text }) { await page.locator(`form[data-way=${form}] [name=${name}]`).fill(text); },
  async choose({ form, name, text }) { await page.locator(`form[data-way=${form}] [name=${name}]`).selectOption(text); },
  async check({ selector }) { await page.locator(selector).first().check(); },
  async press({ name, form, exact = true }) {
    const place = form ? page.locator(`form[data-way=${form}]`) : page;
    await place.getByRole("button", { name, exact }).click();
  },
  async press_in({ name, selector }) { await page.locator(selector).getByRole("button", { name, exact: true }).first().click(); },
  async type({ selector, text }) { await page.locator(selector).fill(text); },
  async focus({ selector }) { await page.locator(selector).focus(); },
  async press_text({ text }) { await page.getByText(text).click(); },
  async keys({ keys }) { for (const key of keys) await page.keyboard.press(key); },
  async focused() { return page.evaluate(() => document.activeElement.textContent.trim() || document.activeElement.id); },
  async wait({ text, selector = "body", timeout = 20_000 }) {
    const state = selector.endsWith("option") ? "attached" : "visible"; // a list's choices are never seen
    await page.locator(selector).filter({ hasText: text }).first().waitFor({ state, timeout });
  },
  async wait_gone({ text, selector }) { await page.locator(selector).filter({ hasText: text }).first().waitFor({ state: "detached" }); },
  async wait_hidden({ selector, timeout = 20_000 }) { await page.locator(selector).waitFor({ state: "hidden", timeout }); },
  async wait_seen({ method, timeout = 20_000 }) {
    answered = [];
    const end = Date.now() + timeout;
    while (!answered.some((each) => each.includes(method))) {
      if (Date.now() > end) throw new Error(`the page did not ask for ${method} within ${timeout} ms`);
      await page.waitForTimeout(100);
    }
  },
  async text({ selector }) { return page.locator(selector).allInnerTexts(); },
  async value({ selector }) { return page.locator(selector).inputValue(); },
  async axe() {
    await page.evaluate(AXE);
    const found = await page.evaluate(() => window.axe.run());
    return found.violations.map((each) => `${each.id} (${each.impact}): ${each.nodes.map((node) => node.target).join(" ")}`);
  },
  /** Return how long the page's thread has worked since it was opened, ms of its CPU: scripts, styles, layout and whatever else. */
  async worked() {
    const { metrics } = await meter.send("Performance.getMetrics");
    return Object.fromEntries(metrics.filter(({ name }) => name.endsWith("Duration")).map(({ name, value }) => [name, 1_000 * value]));
  },
  async wide() { return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth); },
  /** Return what has to be scrolled sideways to be read. */
  async cut() {
    return page.evaluate(() => [...document.querySelectorAll("body *")]
      .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX !== "visible" && !/INPUT|SELECT/.test(each.tagName))
      .map((each) => each.getAttribute("aria-label") || each.id || each.tagName));
  },
  /** Photograph the page, or what stands from an element on in the window. */
  async shot({ path, from = null }) {
    if (from) await page.locator(from).evaluate((each) => each.scrollIntoView());
    await page.screenshot({ path, fullPage: !from });
  },
  async print({ path }) { await page.emulateMedia({ media: "print" }); await page.screenshot({ path, fullPage: true }); await page.emulateMedia({ media: null }); },
  async block({ url }) { await page.route(`${url}**`, (route) => route.abort()); },
  async unblock({ url }) { await page.unroute(`${url}**`); },
  async seen() { return seen; },
};

/** A browser that is stuck answers nothing for ever: say so, and end, so that the next command gets a new one. */
function stuck(command) {
  console.log(JSON.stringify({ error: `the browser did not ${command} within ${LONGEST} ms`, ended: true }));
  process.exit(1);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...values } = JSON.parse(line);
  const bound = setTimeout(stuck, LONGEST, command);
  try {
    const result = await commands[command](values);
    console.log(JSON.stringify({ result: result ?? null }));
  } catch (error) {
    const where = page ? await page.locator("body").innerText().catch(() => "") : "";
    console.log(JSON.stringify({ error: `${error}\n${where.slice(0, 3000)}` }));
  } finally {
    clearTimeout(bound);
  }
}
await browser.close();
