/** What the graph view tells about one node: facts, numbers, source line, neighbours. And the graph in a sentence and a table. */
import { h } from '../core/dom';
import { count, plural, shape, short } from '../core/format';
import { Table } from '../core/frame';
import { GraphNode, Summary } from '../core/protocol';
import { Graph } from '../core/store';
import { Picture, Shown, isBroken } from '../graph/collapse';
import { titleOf } from '../graph/dot';
import { pathTo } from './graph-paint';

const NUMBERS: [string, keyof Summary][] = [['min', 'min'], ['max', 'max'], ['mean', 'mean'], ['std', 'std'], ['norm', 'norm']];

/** What of a tensor is not finite, in words. */
function bad({ nan, inf }: Summary): string {
  return [nan ? `${count(nan)} NaN` : '', inf ? `${count(inf)} Inf` : ''].filter(Boolean).join(', ');
}

/** Value and gradient side by side, one number where a scalar has one. */
function numbersOf({ shape: dims, value, grad }: GraphNode): HTMLElement | null {
  const columns: [string, Summary][] = [];
  if (value) columns.push(['value', value]);
  if (grad) columns.push(['gradient', grad]);
  if (!columns.length) return null;
  const row = (name: string, cells: string[], kind = ''): HTMLElement =>
    h('tr', { class: kind }, h('th', { scope: 'row' }, name), ...cells.map(text => h('td', {}, text)));
  const rows = dims.length
    ? NUMBERS.map(([name, key]) => row(name, columns.map(([, numbers]) => short(numbers[key]))))
    : [row('is', columns.map(([, numbers]) => short(numbers.mean, 6)))];
  if (columns.some(([, numbers]) => bad(numbers))) {
    rows.push(row('✕ not finite', columns.map(([, numbers]) => bad(numbers) || 'none'), 'wb-bad'));
  }
  const head = h('tr', {}, h('td'), ...columns.map(([name]) => h('th', { scope: 'col' }, name)));
  return h('table', { class: 'wb-numbers' }, h('thead', {}, head), h('tbody', {}, ...rows));
}

/** The list of facts about a node; `go` is called with the id of a neighbour. */
export function detailOf(shown: Shown, picture: Picture, go: (id: string) => void): HTMLElement {
  const { node, times, folded, result } = shown;
  const facts: [string, string][] = [['kind', times > 1 ? `${times} repeats of one form` : node.kind], ['type', node.type]];
  const path = pathTo(node.id, '');
  if (path) facts.push(['path', path]);
  if (node.shape.length || node.kind !== 'module') facts.push(['shape', shape(node.shape)]);
  if (node.dtype) facts.push(['dtype', node.dtype]);
  if (node.parameters) facts.push(['parameters', count(folded.reduce((sum, each) => sum + each.parameters, 0))]);
  if (result.source) facts.push(['made by', `${result.source.where}, line ${result.source.line}`]);
  const list = h('dl', { class: 'wb-facts' }, ...facts.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]));
  const box = h('div', { class: 'wb-node-detail' }, h('h4', { class: 'wb-subtitle' }, times > 1 ? titleOf(shown) : node.label), list);
  const numbers = numbersOf(result);
  if (numbers) box.append(numbers);
  if (shown.broken && !isBroken(result)) box.append(h('p', { class: 'wb-bad' }, '✕ Something inside is not a number: open it to see where.'));
  if (result.source?.code) box.append(h('pre', { class: 'wb-code', tabindex: 0 }, h('code', {}, result.source.code)));
  const byId = new Map(picture.nodes.map(each => [each.id, each]));
  const links = (title: string, ids: string[]): void => {
    if (!ids.length) return;
    box.append(h('div', { class: 'wb-neighbours' }, `${title} `, ...ids.slice(0, 8).map(id => {
      const link = h('button', { type: 'button', class: 'wb-link' }, byId.get(id)!.node.label);
      link.addEventListener('click', () => go(id));
      return link;
    }), ids.length > 8 ? ` and ${ids.length - 8} more` : ''));
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
