/** What the graph view tells about one node: facts, numbers, source line, neighbours. And the graph in a sentence and a table. */
import { h } from '../core/dom';
import { count, plural, shape, short } from '../core/format';
import { Table } from '../core/frame';
import { GraphNode, Summary } from '../core/protocol';
import { Graph } from '../core/store';
import { Picture, Shown, isBroken } from '../graph/collapse';

/** `min … max, mean ± std, norm`, and what is not finite. */
export function summary(numbers: Summary): string {
  const bad = [numbers.nan ? `${count(numbers.nan)} NaN` : '', numbers.inf ? `${count(numbers.inf)} Inf` : ''].filter(Boolean).join(', ');
  if (numbers.mean === null) return bad || 'empty';
  const parts = [`${short(numbers.min)} … ${short(numbers.max)}`, `mean ${short(numbers.mean)} ± ${short(numbers.std)}`, `norm ${short(numbers.norm)}`];
  return [...parts, ...(bad ? [`✕ ${bad}`] : [])].join(' · ');
}

/** One number as it is: min, max and mean are the same. */
function numbersOf(node: GraphNode, numbers: Summary): string {
  return node.shape.length || numbers.mean === null ? summary(numbers) : short(numbers.mean, 6);
}

/** The list of facts about a node; `go` is called with the id of a neighbour. */
export function detailOf(shown: Shown, picture: Picture, go: (id: string) => void): HTMLElement {
  const { node, times } = shown;
  const facts: [string, string][] = [['kind', times > 1 ? `${times} modules of one form` : node.kind], ['type', node.type]];
  const path = node.id.replace(/^[a-z]+:/, '');
  if (node.kind !== 'op' && node.kind !== 'output') facts.push(['path', path]);
  facts.push(['shape', shape(node.shape)]);
  if (node.dtype) facts.push(['dtype', node.dtype]);
  if (node.parameters) facts.push(['parameters', count(node.parameters * times)]);
  if (node.value) facts.push(['value', numbersOf(node, node.value)]);
  if (node.grad) facts.push(['gradient', numbersOf(node, node.grad)]);
  if (node.source) facts.push(['made by', `${node.source.where}, line ${node.source.line}`]);
  const list = h('dl', { class: 'wb-facts' }, ...facts.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]));
  const box = h('div', { class: 'wb-node-detail' }, h('h4', { class: 'wb-subtitle' }, node.label), list);
  if (node.source?.code) box.append(h('pre', { class: 'wb-code', tabindex: 0 }, h('code', {}, node.source.code)));
  const byId = new Map(picture.nodes.map(each => [each.id, each]));
  const links = (title: string, ids: string[]): void => {
    if (!ids.length) return;
    box.append(h('div', { class: 'wb-neighbours' }, `${title} `, ...ids.slice(0, 8).map(id => {
      const link = h('button', { type: 'button', class: 'wb-link' }, byId.get(id)?.node.label ?? id);
      link.addEventListener('click', () => go(id));
      return link;
    })));
  };
  links('from', picture.edges.filter(edge => edge.to === shown.id).map(edge => edge.from));
  links('to', picture.edges.filter(edge => edge.from === shown.id).map(edge => edge.to));
  return box;
}

/** The picture in a sentence. */
export function describe(graph: Graph, picture: Picture): string {
  const kinds = (kind: GraphNode['kind']): number => graph.nodes.filter(node => node.kind === kind).length;
  const bad = graph.nodes.filter(isBroken);
  const parts = [`${plural(kinds('op'), 'operation')}${kinds('module') ? ` in ${plural(kinds('module'), 'module')}` : ''}, ${plural(picture.nodes.length, 'node')} drawn`];
  if (bad.length) parts.push(`not a number: ${bad.slice(0, 3).map(node => node.label).join(', ')}`);
  return `${parts.join('; ')}.`;
}

/** Every node with its numbers. */
export function tableOf(graph: Graph): Table {
  const rows = graph.nodes.map(node => [
    node.id.replace(/^[a-z]+:/, node.kind === 'op' ? `${node.label} ` : ''), node.kind, node.type, shape(node.shape), node.dtype,
    node.value ? short(node.value.mean) : '', node.grad ? short(node.grad.norm) : '', node.source ? `${node.source.where}:${node.source.line}` : ''
  ]);
  return { caption: 'Graph', head: ['name', 'kind', 'type', 'shape', 'dtype', 'mean', 'gradient norm', 'source'], rows };
}
