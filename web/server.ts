// The cockpit's server, asked with the token of the link. It stands behind the # of the link, which
// no browser sends to anybody; this tab keeps it, and it is taken out of the address.

const KEY = "strongroom-cockpit-token";
const AGAIN_MS = 2_000; // after a stream that broke off
const SILENT_MS = 40_000; // a stream that says nothing for so long is dead

type Heard = (name: string, data: unknown) => void;

/** The server says no; the message is its own. */
export class Refused extends Error {}

function token(): string {
  const found = decodeURIComponent(location.hash.slice(1));
  if (found.length > 20) {
    sessionStorage.setItem(KEY, found);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

const bearer = { Authorization: `Bearer ${token()}` };

/** Return the JSON of an answer; a refusal is an error with the server's words. */
export async function ask<T>(path: string, sent?: object): Promise<T> {
  const asked: RequestInit = { headers: { ...bearer }, cache: "no-store" };
  if (sent) Object.assign(asked, { method: "POST", body: JSON.stringify(sent), headers: { ...bearer, "Content-Type": "application/json" } });
  const answer = await fetch(path, asked);
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(found.error ?? `The server answers ${answer.status}.`);
  return found;
}

/** Hear the server's events for ever: `heard(name, data)`, and `lost(words)` whenever nothing comes. */
export async function listen(path: string, heard: Heard, lost: (words: string) => void): Promise<void> {
  for (;;) {
    try {
      await hearOnce(path, heard);
      lost("The cockpit's server has ended. Start it again with `strongroom keeper ui`, and open the new link.");
    } catch (error) {
      if (error instanceof Refused) return lost(error.message);
      lost("The cockpit's server does not answer. Start it again with `strongroom keeper ui`, and open the new link.");
    }
    await new Promise<void>((done) => setTimeout(done, AGAIN_MS));
  }
}

async function hearOnce(path: string, heard: Heard): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENT_MS);
  const answer = await fetch(path, { headers: bearer, cache: "no-store", signal: silence.signal });
  if (!answer.ok) throw new Refused((await answer.json().catch(() => ({}))).error ?? `The server answers ${answer.status}.`);
  if (!answer.body) throw new Refused("The server's answer is empty.");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENT_MS);
    const events = (text + value).split("\n\n");
    text = events.pop() ?? "";
    for (const each of events) tell(each, heard);
  }
  clearTimeout(timer);
}

function tell(event: string, heard: Heard): void {
  const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/s, 2)));
  if (fields.event) heard(fields.event, JSON.parse(fields.data));
}
