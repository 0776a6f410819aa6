/**
 * Repeats among siblings: which modules have the same form, and which runs of them are drawn as one.
 *
 * A run may repeat one module (24 blocks) or a short pattern of them (Linear, ReLU, Linear, ReLU, …).
 */
import { Graph } from '../core/store';
import { GraphNode } from '../core/protocol';

/** Siblings in a row drawn as one. */
export interface Fold {
  all: GraphNode[];
  times: number;
}

export interface FoldOptions {
  /** open modules are seen themselves and never folded */
  open: ReadonlySet<string>;
  unfolded: ReadonlySet<string>;
}

const FOLD_FROM = 3;
const LONGEST_PATTERN = 4;

/** What a module is made of, as a number: two modules of one form are repeats of each other. */
export function formsOf(graph: Graph, children: Map<string, GraphNode[]>): Map<string, number> {
  const numbers = new Map<string, number>();
  const found = new Map<string, number>();
  // Numbers instead of nested texts: the texts of deep trees would grow with every level.
  const form = (node: GraphNode): number => {
    const known = found.get(node.id);
    if (known !== undefined) return known;
    const inside = (children.get(node.id) ?? []).map(form).join(',');
    const detail = node.kind === 'parameter' || node.kind === 'buffer' ? node.shape.join('x') : inside;
    const text = `${node.kind} ${node.type} ${detail}`;
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    found.set(node.id, number);
    return number;
  };
  graph.nodes.forEach(form);
  return found;
}

/** Runs of at least three repeats among closed siblings, by the id of their first. */
export function foldsOf(children: Map<string, GraphNode[]>, forms: Map<string, number>, options: FoldOptions): Map<string, Fold> {
  const found = new Map<string, Fold>();
  for (const siblings of children.values()) {
    const keys = siblings.map(node => (node.kind === 'module' && !options.open.has(node.id) ? forms.get(node.id)! : -1));
    for (let at = 0; at < siblings.length; at++) {
      const { length, times } = repeatAt(keys, at);
      if (times < FOLD_FROM) continue;
      const all = siblings.slice(at, at + length);
      if (!options.unfolded.has(all[0].id)) found.set(all[0].id, { all, times });
      at += length - 1;
    }
  }
  return found;
}

/** The pattern that covers most from here on, and how often it comes; the shortest of several. */
function repeatAt(keys: number[], at: number): { length: number; times: number } {
  let best = { length: 0, times: 0 };
  for (let period = 1; period <= LONGEST_PATTERN; period++) {
    let end = at;
    while (end < keys.length && keys[end] >= 0 && (end - at < period || keys[end] === keys[end - period])) end++;
    const times = Math.floor((end - at) / period);
    if (times >= FOLD_FROM && times * period > best.length) best = { length: times * period, times };
  }
  return best;
}
