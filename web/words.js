// The sentences of the commands (depositor/words.py), which the page has with it, and what the app
// calls the commands.

export const config = JSON.parse(document.getElementById("strongroom").textContent);
const NAMES = { claim: '"Claim"', exit: '"Leave in kind"', cancel: '"Take back"' };

/** Return a sentence, filled in. */
export function say(sentence, values = {}) {
  return fill(config.words[sentence], { ...NAMES, ...values });
}

/** Return a text with its {places} filled. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
