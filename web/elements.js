// Elements of a page, made and filled; text is only ever text.

/** Return an element with text or elements inside. */
export function make(tag, inside = [], attributes = {}) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...[inside].flat());
  return made;
}

/** Set an element's text, and show it only where there is one; an unchanged text is not said again. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}
