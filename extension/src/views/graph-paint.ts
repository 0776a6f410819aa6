/** What is put onto a finished layout: names, the path of a node, search hits, and gradient flow on the edges. */
import { h } from '../core/dom';
import { shape, short } from '../core/format';
import { CIVIDIS_GRADIENT, cividis, css } from '../core/palette';
import { Picture } from '../graph/collapse';
import { describeElement } from '../graph/svg';
import { pathOf } from './graph-walk';

/** Smallest and largest gradient norm among the edges, null where no edge has one. */
export type Span = [low: number, high: number] | null;

/** Gives every node, frame and edge its full name, which the pointer shows and a reader says. */
export function nameAll(svg: SVGSVGElement, picture: Picture): void {
  const names = new Map(picture.nodes.map(({ id, node }) => [id, node.label]));
  const name = (selector: string, text: string): void => {
    const element = svg.querySelector(selector);
    if (element) describeElement(element, text);
  };
  picture.nodes.forEach(({ node, times }, index) => name(`#wb-node-${index}`, `${pathTo(node.id, node.label)}, ${times > 1 ? `${times} repeats of ` : ''}${node.type}${node.shape.length ? `, ${shape(node.shape)}` : ''}`));
  picture.clusters.forEach((node, index) => name(`#wb-cluster-${index}`, `${pathTo(node.id, node.label)}, ${node.type}`));
  picture.edges.forEach((edge, index) => {
    const norm = edge.norm === null ? '' : `, gradient norm ${short(edge.norm)}`;
    name(`#wb-edge-${index}`, `${names.get(edge.from)} to ${names.get(edge.to)}, ${shape(edge.shape)}${norm}`);
  });
}

/** `m:blocks.3.norm1` is a path; numbers of ops are not. */
export function pathTo(id: string, label: string): string {
  return /^[mpb]:/.test(id) ? id.slice(2) : label;
}

/** Dims all that has nothing to do with a node; null brings everything back. */
export function markPath(svg: SVGSVGElement | null, picture: Picture | null, id: string | null): void {
  if (!svg || !picture) return;
  const path = id !== null && picture.nodes.some(node => node.id === id) ? pathOf(picture, id) : null;
  picture.nodes.forEach((node, index) => svg.querySelector(`#wb-node-${index}`)?.classList.toggle('wb-aside', path !== null && !path.has(node.id)));
  picture.edges.forEach(({ from, to }, index) => {
    const element = svg.querySelector(`#wb-edge-${index}`);
    element?.classList.toggle('wb-aside', path !== null && !(path.has(from) && path.has(to)));
    element?.classList.toggle('wb-near', path !== null && (from === id || to === id));
  });
}

/** Outlines the nodes whose name, type or path, or a folded one's, holds the text. */
export function markFound(svg: SVGSVGElement | null, picture: Picture | null, text: string): void {
  const wanted = text.toLowerCase().trim();
  picture?.nodes.forEach(({ folded }, index) => {
    const hit = wanted !== '' && folded.some(node => `${node.label} ${node.type} ${node.id}`.toLowerCase().includes(wanted));
    svg?.querySelector(`#wb-node-${index}`)?.classList.toggle('wb-found', hit);
  });
}

/** Edges in the colour and the width of the gradient of the tensor they carry; without a picture, as they were. */
export function paintEdges(svg: SVGSVGElement, picture: Picture | null): Span {
  const norms = picture?.edges.map(edge => edge.norm) ?? [];
  const known = norms.filter((norm): norm is number => norm !== null && norm > 0 && Number.isFinite(norm));
  const span: Span = known.length ? [Math.min(...known), Math.max(...known)] : null;
  svg.querySelectorAll<SVGGElement>('g.edge').forEach(edge => {
    const norm = norms[Number(edge.id.split('-').pop())] ?? null;
    const broken = norm !== null && !Number.isFinite(norm);
    const place = span && norm !== null && norm > 0 && !broken ? (span[1] > span[0] ? Math.log(norm / span[0]) / Math.log(span[1] / span[0]) : 1) : null;
    edge.style.setProperty('--wb-flow', place === null ? '' : css(cividis(place)));
    edge.style.setProperty('--wb-flow-width', place === null ? '' : `${2 + 3 * place}px`);
    edge.classList.toggle('wb-flow', place !== null);
    // A gradient of exactly zero is news: nothing below this edge learns.
    edge.classList.toggle('wb-no-flow', norm === 0);
  });
  return span;
}

/** What the colours of painted edges mean. */
export class Legend {
  private readonly low = h('span');
  private readonly high = h('span');
  private readonly words = h('span');
  readonly element = h(
    'div', { class: 'wb-graph-legend', hidden: true }, this.words, this.low,
    h('span', { class: 'wb-graph-ramp', style: `--wb-ramp: ${CIVIDIS_GRADIENT}` }), this.high
  );

  /** Hidden while edges are not painted; says so when there is nothing to paint. */
  show(painted: boolean, span: Span): void {
    this.element.hidden = !painted;
    this.element.classList.toggle('wb-bare', span === null);
    this.words.textContent = span ? 'gradient norm, thin to thick' : 'No gradients recorded: they come with a backward pass.';
    this.low.textContent = span ? short(span[0], 3) : '';
    this.high.textContent = span ? short(span[1], 3) : '';
  }
}
