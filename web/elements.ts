// Elements of a page, made and filled; text is only ever text.

export type Inside = string | Node | (string | Node)[];

/** Return the element of an id, which the page's template has. */
export function at<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Return the element that a selector finds inside another, where the template has one. */
export function within<T extends HTMLElement = HTMLElement>(place: Element, selector: string): T {
  return place.querySelector(selector) as T;
}

/** Return an element with text or elements inside. */
export function make<T extends keyof HTMLElementTagNameMap>(
  tag: T, inside: Inside = [], attributes: Record<string, string | number> = {},
): HTMLElementTagNameMap[T] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...[inside].flat());
  return made;
}

/** Set an element's text, and show it only where there is one; an unchanged text is not said again. */
export function put(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}
