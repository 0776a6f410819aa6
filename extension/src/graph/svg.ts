/** Graphviz's SVG as elements of the page: shapes and text, nothing that could run. */

const ALLOWED = new Set(['svg', 'g', 'path', 'polygon', 'polyline', 'ellipse', 'text']);
const KEPT = new Set(['id', 'class', 'd', 'points', 'cx', 'cy', 'rx', 'ry', 'x', 'y', 'width', 'height', 'viewBox', 'transform', 'text-anchor', 'font-size', 'stroke-dasharray']);
const SVG = 'http://www.w3.org/2000/svg';

/** Rebuilds a drawing from the elements and attributes that a layout needs; everything else is left behind. */
export function adopt(text: string): SVGSVGElement {
  const parsed = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  if (parsed.tagName !== 'svg') throw new Error('the layout is no picture');
  const svg = copy(parsed) as SVGSVGElement;
  // Frames and nodes over edges: a line never strikes a label out.
  svg.querySelectorAll('g.edge').forEach(edge => edge.parentElement!.prepend(edge));
  return svg;
}

/** Names an element for the pointer and for those who listen. */
export function describeElement(element: Element, text: string): void {
  const title = document.createElementNS(SVG, 'title');
  title.textContent = text;
  element.querySelector(':scope > title')?.remove();
  element.prepend(title);
}

function copy(source: Element): Element {
  const made = document.createElementNS(SVG, source.tagName);
  for (const { name, value } of [...source.attributes]) if (KEPT.has(name)) made.setAttribute(name, value);
  for (const child of [...source.childNodes]) {
    if (child.nodeType === Node.TEXT_NODE && source.tagName === 'text') made.append(child.textContent ?? '');
    // Titles are Graphviz's own ids; the view gives names of its own.
    if (child instanceof Element && ALLOWED.has(child.tagName)) made.append(copy(child));
  }
  return made;
}
