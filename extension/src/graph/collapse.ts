/**
 * Which part of a graph is drawn: closed modules stand for all inside them, repeated blocks are folded into one, and
 * the number of drawn nodes stays within a budget. Pure data, no DOM.
 */
import { Graph } from '../core/store';
import { GraphNode } from '../core/protocol';

export interface Shown {
  id: string;
  node: GraphNode;
  /** how many modules in a row this one stands for */
  times: number;
}

export interface Picture {
  nodes: Shown[];
  /** open modules with something visible inside, outermost first */
  clusters: GraphNode[];
  edges: { from: string; to: string; shape: number[] }[];
}

export interface Options {
  open: ReadonlySet<string>;
  unfolded: ReadonlySet<string>;
  parameters: boolean;
}

const FOLD_FROM = 3;
export const BUDGET = 300;
const COMFORTABLE = 24;

const isState = (node: GraphNode): boolean => node.kind === 'parameter' || node.kind === 'buffer';

/** NaN anywhere, or infinity in what was computed: a mask may well hold infinities. */
export function isBroken(node: GraphNode): boolean {
  return [node.value, node.grad].some(each => each && (each.nan > 0 || (each.inf > 0 && node.kind === 'op')));
}

/** Children of every module in order; the key '' holds what lies outside of all. */
export function childrenOf(graph: Graph): Map<string, GraphNode[]> {
  const known = new Set(graph.nodes.map(node => node.id));
  const children = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    const parent = known.has(node.parent) ? node.parent : '';
    children.set(parent, [...(children.get(parent) ?? []), node]);
  }
  return children;
}

/** What a module is made of, as text: two modules of the same form are repeats of each other. */
function forms(graph: Graph, children: Map<string, GraphNode[]>): Map<string, string> {
  const found = new Map<string, string>();
  const form = (node: GraphNode): string => {
    const inside = (children.get(node.id) ?? []).map(child => found.get(child.id) ?? form(child)).join(',');
    const text = node.kind === 'module' ? `${node.type}(${inside})` : `${node.type}:${node.kind === 'op' ? '' : node.shape.join('x')}`;
    found.set(node.id, text);
    return text;
  };
  for (const node of [...graph.nodes].reverse()) if (!found.has(node.id)) form(node);
  return found;
}

/** Runs of at least three closed siblings of one form: first id → all ids. */
function folds(children: Map<string, GraphNode[]>, form: Map<string, string>, options: Options): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const siblings of children.values()) {
    let run: GraphNode[] = [];
    const close = (): void => {
      if (run.length >= FOLD_FROM && !options.unfolded.has(run[0].id)) found.set(run[0].id, run.map(node => node.id));
      run = [];
    };
    for (const node of siblings) {
      const foldable = node.kind === 'module' && !options.open.has(node.id);
      if (!foldable || (run.length && form.get(run[0].id) !== form.get(node.id))) close();
      if (foldable) run.push(node);
    }
    close();
  }
  return found;
}

/** The visible graph. */
export function collapse(graph: Graph, options: Options): Picture {
  const byId = new Map(graph.nodes.map(node => [node.id, node]));
  const children = childrenOf(graph);
  const groups = folds(children, forms(graph, children), options);
  const leader = new Map([...groups].flatMap(([first, all]) => all.map(id => [id, first] as const)));
  const seen = new Map<string, string | null>();

  /** The drawn node that stands for this one: the outermost closed module above it, folded into its leader. */
  const stand = (id: string): string | null => {
    const known = seen.get(id);
    if (known !== undefined) return known;
    const node = byId.get(id);
    let result: string | null = null;
    if (node) {
      const above = node.parent && byId.has(node.parent) ? stand(node.parent) : null;
      if (above !== null && !(above === node.parent && options.open.has(node.parent))) result = above;
      else result = leader.get(id) ?? id;
    }
    seen.set(id, result);
    return result;
  };

  const nodes = new Map<string, Shown>();
  const clusters: GraphNode[] = [];
  for (const node of graph.nodes) {
    if (stand(node.id) !== node.id) continue;
    if (node.kind === 'module' && options.open.has(node.id)) clusters.push(node);
    else if (!isState(node) || options.parameters) nodes.set(node.id, { id: node.id, node, times: groups.get(node.id)?.length ?? 1 });
  }
  const edges = new Map<string, { from: string; to: string; shape: number[] }>();
  for (const edge of graph.edges) {
    const from = stand(edge.from);
    const to = stand(edge.to);
    if (from === null || to === null || from === to || !nodes.has(from) || !nodes.has(to)) continue;
    edges.set(`${from}\n${to}`, { from, to, shape: edge.shape });
  }
  return withoutEmptyModules({ nodes: [...nodes.values()], clusters, edges: [...edges.values()] });
}

/** Closed modules that nothing runs through (never called) are left out unless they are all there is. */
function withoutEmptyModules(picture: Picture): Picture {
  const touched = new Set(picture.edges.flatMap(edge => [edge.from, edge.to]));
  if (!touched.size) return picture;
  return { ...picture, nodes: picture.nodes.filter(({ id, node }) => node.kind !== 'module' || touched.has(id)) };
}

/** Modules to open at first: level by level, as long as the picture stays comfortable. */
export function initiallyOpen(graph: Graph): Set<string> {
  let open = new Set<string>();
  const children = childrenOf(graph);
  let level = (children.get('') ?? []).filter(node => node.kind === 'module');
  while (level.length) {
    const next = new Set([...open, ...level.map(node => node.id)]);
    if (collapse(graph, { open: next, unfolded: new Set(), parameters: false }).nodes.length > COMFORTABLE) break;
    open = next;
    level = level.flatMap(node => (children.get(node.id) ?? []).filter(child => child.kind === 'module'));
  }
  return open;
}
