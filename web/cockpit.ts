// The cockpit: what the keeper sees, decides and why, as its journal and its port say; and buttons
// that make it safer, each of which asks once more.

import { at, make, put, within } from "./elements.ts";
import { ask, listen, Refused } from "./server.ts";

const SILENT_S = 180; // a keeper writes once a minute
const AGE_MS = 5_000;

/** A table's cell: text, an element, or [text, class]. */
type Cell = string | number | Node | [string | number | Node, string];

interface Decision {
  number: number; id: string; time: number; pack: string; question: string; legs: string[]; stands: string;
}

interface Held {
  question: string; place: string; yes: string; no: string; mark: string; book: string; seen_at: number | null;
  by_mark: string; by_book: string; differs: string;
}

interface Budget {
  what: string; used: string; limit: string; part: number;
}

/** What there is to see (app/cockpit/shown.py); times are seconds, null: never. */
interface Now {
  mode: string; wrote_at: number | null; seen_at: number | null; ended: boolean; runs: boolean; alive: boolean | null;
  halts: { name: string; why: string; cure: string }[];
  cosigner: string;
  cards: [string, string][];
  held: Held[];
  budgets: Budget[];
  orders: { decision: string; question: string; order: string; filled: string; stands: string; expires: number | null }[];
  transactions: [string, string][];
  asked: Decision[];
  decisions: Decision[];
  sources: { name: string; how: string; asked: number; failed: number }[];
  sources_at: number | null;
  forecasters: { name: string; events: number; brier: string; market: string; graduated: string; why: string }[];
  numbers: [string, string][];
  numbers_why: string;
}

interface Log {
  lines: { at: string; event: string; fields: string }[];
  why: string;
}

const page = { now: null as Now | null, log: { lines: [], why: "" } as Log, older: [] as Decision[], pages: 0, newest: "", shown: {} as Record<string, string> };

// words

function moment(time: number | null): string {
  return time ? `${new Date(time * 1_000).toISOString().slice(0, 19).replace("T", " ")} UTC` : "never";
}

const UNITS: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

/** Return how long ago a time was; empty where this clock says that it has not come yet. */
function ago(time: number): string {
  const seconds = Math.round(Date.now() / 1_000 - time);
  if (seconds < 0) return "";
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? [1, "s"];
  return ` (${Math.floor(seconds / size)} ${unit} ago)`;
}

/** Return how the keeper lives: sentence, and whether it is well. */
function life(now: Now): [string, boolean] {
  if (!now.wrote_at) return ["No keeper of this journal has said yet how it stands.", false];
  const wrote = `${moment(now.wrote_at)}${ago(now.wrote_at)}`;
  if (now.ended && !now.alive) return [`The keeper has stopped, in order. Nothing was written since ${wrote}.`, false];
  if (now.alive === false) return [`The keeper does not run: its journal is nobody's. What stands here is of ${wrote}.`, false];
  if (now.alive === null) return [`Whether the keeper runs is not known. What stands here is of ${wrote}.`, false];
  const silent = Date.now() / 1_000 - now.wrote_at > SILENT_S;
  if (!now.runs && silent) return [`The keeper's process is there, and has written nothing since ${wrote}: look whether it hangs.`, false];
  if (now.halts.length) return [`The keeper runs, and decides nothing while what stands below lasts. Last written ${wrote}.`, false];
  return [`The keeper runs, and nothing stops its decisions. Last written ${wrote}.`, true];
}

// tables

function cell(found: Cell, head: string): HTMLTableCellElement {
  const [inside, style] = Array.isArray(found) ? found : [found, ""];
  const attributes: Record<string, string> = { "data-head": head };
  if (style) attributes.class = style;
  return make("td", typeof inside === "number" ? String(inside) : inside, attributes);
}

/** Fill a table, only where its rows have changed; the focus stays where it was. */
function fill<Row>(id: string, rows: Row[], none: string, cells: (row: Row) => Cell[]): void {
  const stamp = JSON.stringify([rows, none]);
  if (page.shown[id] === stamp) return;
  page.shown[id] = stamp;
  const table = at(id), focused = (document.activeElement as HTMLElement | null)?.dataset.key;
  const heads = [...table.querySelectorAll("th")].map((each) => each.textContent);
  table.hidden = !rows.length;
  put(at(`${id}-none`), rows.length ? "" : none);
  within(table, "tbody").replaceChildren(...rows.map((row) => make("tr", cells(row).map((each, place) => cell(each, heads[place])))));
  if (focused) table.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function explainer(table: string, name: string): HTMLButtonElement {
  const button = make("button", "Explain", { type: "button", "data-key": `${table} ${name}` });
  button.addEventListener("click", () => explain(name));
  return button;
}

function meter(row: Budget): HTMLMeterElement {
  const part = row.part / 10;
  return make("meter", `${part} %`, { min: 0, max: 100, high: 80, value: part, "aria-label": `${row.what}: ${part} % used`, title: `${part} %` });
}

function decisionCells(table: string): (row: Decision) => Cell[] {
  return (row) => [
    [moment(row.time), "moment"], [row.question, "long"], row.pack, make("ul", row.legs.map((each) => make("li", each))),
    [row.stands, "long"], explainer(table, row.id),
  ];
}

// what there is

function showNow(now: Now): void {
  page.now = now;
  put(at("away"), "");
  put(at("mode"), `mode ${now.mode}`);
  showLife();
  at("halts").replaceChildren(...now.halts.map((each) => make("li", [make("p", [make("strong", each.name), `: ${each.why}`]), make("p", each.cure)])));
  at("cards").replaceChildren(...now.cards.map(([text, label]) => make("li", [make("b", text), make("span", label)])));
  put(at("cosigner"), now.cosigner);
  const unseen = "Nothing is known of the vault yet.";
  fill("held-rows", now.held, now.seen_at ? "The vault holds no outcome tokens." : unseen, (row) => [
    [row.question, "long"], [row.place, "long"], [row.yes, "number"], [row.no, "number"], row.mark, row.book, [moment(row.seen_at), "moment"],
    [row.by_mark, "number"], [row.by_book, "number"], [row.differs, "number"],
  ]);
  fill("budget-rows", now.budgets, unseen, (row) => [row.what, [row.used, "number"], [row.limit, "number"], row.limit === "unlimited" ? "" : meter(row)]);
  fill("order-rows", now.orders, "No order is open.", (row) => [
    [row.question, "long"], row.order, [row.filled, "number"], [row.stands, "long"], [row.expires ? moment(row.expires) : "not signed", "moment"], explainer("orders", row.decision),
  ]);
  fill("transaction-rows", now.transactions, "No transaction of a Safe is open.", (row) => row);
  fill("asked-rows", now.asked, "No decision waits for a yes.", decisionCells("asked"));
  showDecisions();
  if (page.pages && page.newest !== JSON.stringify(now.decisions)) void read(page.pages); // what stands below may have changed, too
  put(at("sources-at"), now.sources_at ? `As the keeper said at ${moment(now.sources_at)}.` : "");
  fill("source-rows", now.sources, "No keeper of this journal has said yet how its sources are.", (row) => [row.name, [row.how, "long"], row.asked, row.failed]);
  fill("forecaster-rows", now.forecasters, "The keeper's file names no forecaster.", (row) => [row.name, row.events, row.brier, row.market, row.graduated, [row.why, "long"]]);
  fill("number-rows", now.numbers, `There are none: ${now.numbers_why}.`, (row) => row);
}

function showLife(): void {
  const { now } = page;
  if (!now) return;
  const [words, well] = life(now);
  put(at("life"), words);
  at("life").className = `verdict ${well ? "good" : "bad"}`;
  put(at("seen"), now.seen_at ? `The vault as the keeper read it at ${moment(now.seen_at)}, by the chain's time.` : "");
}

function showDecisions(): void {
  const newest = page.now?.decisions ?? [], last = newest.at(-1)?.number ?? 0;
  const rows = [...newest, ...page.older.filter((each) => each.number < last)];
  fill("decision-rows", rows, "The keeper has decided nothing yet.", decisionCells("decisions"));
  at("older").hidden = (rows.at(-1)?.number ?? 0) <= 1;
}

function showLog(): void {
  const wanted = at<HTMLInputElement>("log-filter").value.toLowerCase(), { lines, why } = page.log;
  const rows = lines.filter((each) => Object.values(each).join(" ").toLowerCase().includes(wanted));
  fill("log-rows", rows, why || "No line has that.", (row) => [[row.at, "moment"], [row.event, "event"], row.fields]);
}

const HEARD: Record<string, (data: never) => void> = {
  now: showNow,
  log(found: Log) {
    page.log = found;
    showLog();
  },
  away,
};

function away(words: string): void {
  put(at("away"), `${words}.${page.now ? ` What stands here is of ${moment(page.now.wrote_at)}.` : ""}`);
}

// what can be asked

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

async function explain(name: string): Promise<void> {
  const place = at("explanation"), text = within(place, "pre");
  place.hidden = false;
  try {
    text.textContent = (await ask<{ text: string }>(`api/explanation?name=${encodeURIComponent(name)}`)).text;
  } catch (error) {
    text.textContent = messageOf(error);
  }
  place.focus();
  place.scrollIntoView({ block: "center" });
}

/** Read what stands below the newest decisions, so many pages of it. */
async function read(pages: number): Promise<void> {
  const newest = page.now?.decisions ?? [], found: Decision[] = [];
  page.newest = JSON.stringify(newest);
  try {
    for (let done = 0, last = newest.at(-1); done < pages && last; done += 1) {
      const next = await ask<Decision[]>(`api/decisions?before=${last.number}`);
      found.push(...next);
      last = next.at(-1);
    }
  } catch (error) {
    page.newest = ""; // again with the next that is heard
    return away(messageOf(error));
  }
  page.older = found;
  page.pages = pages;
  showDecisions();
}

/** Ask once more; then do it, and say what follows. */
function press(button: HTMLElement): void {
  const dialog = at<HTMLDialogElement>(`sure-${button.dataset.act}`);
  dialog.returnValue = "no";
  dialog.showModal();
}

async function decided(dialog: HTMLDialogElement): Promise<void> {
  const name = dialog.id.replace("sure-", "");
  if (dialog.returnValue !== "yes") return put(at("told"), "Nothing was done.");
  const why = dialog.querySelector("input")?.value ?? "";
  put(at("told"), "Asking ...");
  try {
    put(at("told"), (await ask<{ told: string }>(`api/ask/${name}`, { sure: true, why })).told);
  } catch (error) {
    put(at("told"), error instanceof Refused ? `Nothing was done: ${error.message}.` : "The cockpit's server did not answer: nobody knows whether it was done.");
  }
}

function start(): void {
  for (const button of document.querySelectorAll<HTMLElement>("[data-act]")) button.addEventListener("click", () => press(button));
  for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("close", () => decided(dialog));
  at("find").addEventListener("submit", (event) => {
    event.preventDefault();
    void explain(at<HTMLInputElement>("find-name").value);
  });
  at("close").addEventListener("click", () => {
    at("explanation").hidden = true;
    at("find-name").focus();
  });
  at("older").addEventListener("click", () => read(page.pages + 1));
  at("log-filter").addEventListener("input", showLog);
  setInterval(showLife, AGE_MS);
  document.documentElement.classList.add("live");
  void listen("api/stream", (name, data) => HEARD[name]?.(data as never), (words) => put(at("away"), words));
}

start();
