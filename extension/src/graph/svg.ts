/** Graphviz's SVG as elements of the page: shapes and text, nothing that could run. */

const ALLOWED = new Set(['svg', 'g', 'path', 'polygon', 'polyline', 'ellipse', 'text', 'title']);
const KEPT = new Set(['id', 'class', 'd', 'points', 'cx', 'cy', 'rx', 'ry', 'x', 'y', 'width', 'height', 'viewBox', 'transform', 'text-anchor', 'font-size', 'stroke-dasharray']);

/** Rebuilds a drawing from the elements and attributes that a layout needs; everything else is left behind. */
export function adopt(text: string): SVGSVGElement {
  const parsed = new DOMParser().parseFromString(text, 'image/svg+xml').documentElement;
  return copy(parsed) as SVGSVGElement;
}

function copy(source: Element): Element {
  const made = document.createElementNS('http://www.w3.org/2000/svg', source.tagName);
  for (const { name, value } of [...source.attributes]) if (KEPT.has(name)) made.setAttribute(name, value);
  for (const child of [...source.childNodes]) {
    if (child.nodeType === Node.TEXT_NODE && source.tagName === 'text') made.append(child.textContent ?? '');
    // Titles are Graphviz's own ids; the view gives names of its own.
    if (child instanceof Element && ALLOWED.has(child.tagName) && child.tagName !== 'title') made.append(copy(child));
  }
  return made;
}
