/**
 * Building elements. Strings only ever become text nodes and attributes, so nothing from a kernel is read as HTML.
 */

export type Attributes = Record<string, string | number | boolean | null | undefined>;
type Child = Node | string | null | undefined | false;

/** An element with attributes (true = present, null/false = absent) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** Sets an attribute; true = present, null, undefined and false = absent. */
export function setAttribute(element: Element, name: string, value: Attributes[string]): void {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}

/** A button with text; `attributes` may carry data-*, class, aria-*. */
export function button(text: string, click: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = h('button', { type: 'button', ...attributes, class: `wb-button ${attributes.class ?? ''}`.trim() }, text);
  element.addEventListener('click', click);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A 16 x 16 sign in the colour of the text, from one path; fonts lack half of the signs for pause and step. */
export function glyph(path: string): SVGSVGElement {
  const picture = document.createElementNS(SVG, 'svg');
  const shape = document.createElementNS(SVG, 'path');
  for (const [name, value] of Object.entries({ viewBox: '0 0 16 16', class: 'wb-glyph', 'aria-hidden': 'true' })) {
    picture.setAttribute(name, value);
  }
  shape.setAttribute('d', path);
  picture.append(shape);
  return picture;
}

let counter = 0;

/** An id that no other element of the page has. */
export function uniqueId(prefix: string): string {
  return `wb-${prefix}-${++counter}`;
}

/** Replaces text only when it differs: screen readers announce every write to a live region. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
