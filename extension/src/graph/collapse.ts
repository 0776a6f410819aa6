/**
 * Which part of a graph is drawn: closed modules stand for all inside them, repeated blocks are folded into one, and
 * the number of drawn nodes stays within a budget. Pure data, no DOM.
 */
import { Graph } from '../core/store';
import { GraphNode } from '../core/protocol';
import { foldsOf, formsOf } from './fold';

export interface Shown {
  id: string;
  node: GraphNode;
  /** how many repeats in a row this one stands for */
  times: number;
  /** the siblings it stands for, itself first */
  folded: GraphNode[];
  /** what computed its result: itself, or the last op hidden in it */
  result: GraphNode;
  /** whether it, or anything hidden in it, is not a number */
  broken: boolean;
}

export interface ShownEdge {
  from: string;
  to: string;
  shape: number[];
  /** norm of the gradient of the tensor that it carries; the largest where it stands for several */
  norm: number | null;
}

export interface Picture {
  nodes: Shown[];
  /** open modules with something visible inside, outermost first */
  clusters: GraphNode[];
  edges: ShownEdge[];
}

export interface Options {
  open: ReadonlySet<string>;
  unfolded: ReadonlySet<string>;
  parameters: boolean;
}

export const BUDGET = 300;
/** The node that stands for what the budget leaves out. */
export const REST = 'wb:rest';
const COMFORTABLE = 24;
const NOTHING: ReadonlySet<string> = new Set();

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
    const siblings = children.get(parent);
    if (siblings) siblings.push(node);
    else children.set(parent, [node]);
  }
  return children;
}

/** For every node the drawn one that stands for it: the outermost closed module above it, folded into its leader. */
function standIns(graph: Graph, open: ReadonlySet<string>, leader: Map<string, string>): Map<string, string> {
  const byId = new Map(graph.nodes.map(node => [node.id, node]));
  const found = new Map<string, string>();
  const stand = (node: GraphNode): string => {
    const known = found.get(node.id);
    if (known !== undefined) return known;
    const parent = byId.get(node.parent);
    const above = parent && stand(parent);
    const hidden = above !== undefined && !(above === node.parent && open.has(node.parent));
    const result = hidden ? above : (leader.get(node.id) ?? node.id);
    found.set(node.id, result);
    return result;
  };
  graph.nodes.forEach(stand);
  return found;
}

/** The visible graph. */
export function collapse(graph: Graph, options: Options): Picture {
  const children = childrenOf(graph);
  const groups = foldsOf(children, formsOf(graph, children), options);
  const leader = new Map([...groups].flatMap(([first, { all }]) => all.map(node => [node.id, first] as const)));
  const stands = standIns(graph, options.open, leader);
  const nodes = new Map<string, Shown>();
  const clusters: GraphNode[] = [];
  for (const node of graph.nodes) {
    if (stands.get(node.id) !== node.id) continue;
    if (node.kind === 'module' && options.open.has(node.id)) clusters.push(node);
    else if (!isState(node) || options.parameters) {
      const group = groups.get(node.id);
      nodes.set(node.id, { id: node.id, node, times: group?.times ?? 1, folded: group?.all ?? [node], result: node, broken: false });
    }
  }
  for (const node of graph.nodes) {
    const shown = nodes.get(stands.get(node.id)!);
    if (shown && node.kind === 'op') shown.result = node;
    if (shown && isBroken(node)) shown.broken = true;
  }
  const norms = new Map(graph.nodes.map(node => [node.id, node.grad?.norm ?? null]));
  const edges = graph.edges.map(edge => ({
    from: stands.get(edge.from) ?? '', to: stands.get(edge.to) ?? '', shape: edge.shape, norm: norms.get(edge.from) ?? null
  }));
  const picture = { nodes: [...nodes.values()], clusters, edges: merged(edges, nodes) };
  return withinBudget(withoutEmptyModules(picture));
}

/** One edge for all between two drawn nodes; none within a node, none to what is not drawn. */
function merged(edges: ShownEdge[], nodes: Map<string, Shown>): ShownEdge[] {
  const found = new Map<string, ShownEdge>();
  for (const edge of edges) {
    if (edge.from === edge.to || !nodes.has(edge.from) || !nodes.has(edge.to)) continue;
    const key = `${edge.from}\n${edge.to}`;
    const before = found.get(key)?.norm ?? null;
    found.set(key, { ...edge, norm: before === null ? edge.norm : Math.max(before, edge.norm ?? before) });
  }
  return [...found.values()];
}

/** Closed modules that nothing runs through (never called) are left out unless they are all there is. */
function withoutEmptyModules(picture: Picture): Picture {
  const touched = new Set(picture.edges.flatMap(edge => [edge.from, edge.to]));
  if (!touched.size) return picture;
  return { ...picture, nodes: picture.nodes.filter(({ id, node }) => node.kind !== 'module' || touched.has(id)) };
}

/** A layout of more nodes takes minutes: the beginning and the end stay, one node stands for what lies between. */
function withinBudget(picture: Picture): Picture {
  const { nodes, edges } = picture;
  if (nodes.length <= BUDGET) return picture;
  const half = Math.floor((BUDGET - 1) / 2);
  const left = nodes.slice(half, nodes.length - half);
  const node: GraphNode = {
    id: REST, parent: '', kind: 'module', label: `… ${left.length} more nodes`, type: 'left out to stay quick', shape: [], dtype: '',
    parameters: 0, source: null, value: null, grad: null
  };
  const rest: Shown = { id: REST, node, times: 1, folded: left.map(each => each.node), result: node, broken: left.some(each => each.broken) };
  const kept = [...nodes.slice(0, half), rest, ...nodes.slice(nodes.length - half)];
  const known = new Map(kept.map(each => [each.id, each]));
  const to = (id: string): string => (known.has(id) ? id : REST);
  return { ...picture, nodes: kept, edges: merged(edges.map(edge => ({ ...edge, from: to(edge.from), to: to(edge.to) })), known) };
}

/** Modules by how deep they lie: the first list holds those inside nothing. */
export function levels(graph: Graph): string[][] {
  const children = childrenOf(graph);
  const found: string[][] = [];
  let level = (children.get('') ?? []).filter(node => node.kind === 'module');
  while (level.length) {
    found.push(level.map(node => node.id));
    level = level.flatMap(node => (children.get(node.id) ?? []).filter(child => child.kind === 'module'));
  }
  return found;
}

/** Modules to open so that the first `depth` levels are seen, fewer levels if that would draw more than `most` nodes. */
export function openTo(graph: Graph, depth: number, most = BUDGET, worth: (id: string) => boolean = () => true): Set<string> {
  let open = new Set<string>();
  for (const level of levels(graph).slice(0, depth)) {
    const next = new Set([...open, ...level.filter(worth)]);
    const { nodes } = collapse(graph, { open: next, unfolded: NOTHING, parameters: false });
    if (nodes.length > most || nodes.some(each => each.id === REST)) break;
    open = next;
  }
  return open;
}

/**
 * Modules to open at first: level by level, as long as the picture stays comfortable. One with a single op in it says
 * as much closed, in a third of the room.
 */
export function initiallyOpen(graph: Graph): Set<string> {
  const children = childrenOf(graph);
  const inside = (id: string): number => (children.get(id) ?? []).filter(node => !isState(node)).length;
  return openTo(graph, Infinity, COMFORTABLE, id => inside(id) > 1);
}
