/** Where an arrow key leads from a node: down and up along edges, left and right among those with the same origin. */
import { Picture } from '../graph/collapse';

/** The id of the next node; undefined where the way ends. */
export function next({ nodes, edges }: Picture, at: string | null, key: string): string | undefined {
  const here = nodes.some(each => each.id === at) ? at : null;
  if (here === null) return nodes[0]?.id;
  if (key === 'ArrowDown') return edges.find(edge => edge.from === here)?.to;
  if (key === 'ArrowUp') return edges.find(edge => edge.to === here)?.from;
  const step = key === 'ArrowLeft' ? -1 : 1;
  const beside = (row: string[]): string | undefined => row[row.indexOf(here) + step];
  for (const { from } of edges.filter(edge => edge.to === here)) {
    const found = beside(edges.filter(edge => edge.from === from).map(edge => edge.to));
    if (found) return found;
  }
  // An input has no origin: its neighbours are the other origins of what it flows into.
  for (const { to } of edges.filter(edge => edge.from === here)) {
    const found = beside(edges.filter(edge => edge.to === to).map(edge => edge.from));
    if (found) return found;
  }
  return undefined;
}

/** Everything that flows into a node and everything it flows into, itself included. */
export function pathOf({ edges }: Picture, id: string): Set<string> {
  const reach = (step: Map<string, string[]>): Set<string> => {
    const seen = new Set([id]);
    for (const each of seen) step.get(each)?.forEach(other => seen.add(other));
    return seen;
  };
  const down = new Map<string, string[]>();
  const up = new Map<string, string[]>();
  for (const { from, to } of edges) {
    down.set(from, [...(down.get(from) ?? []), to]);
    up.set(to, [...(up.get(to) ?? []), from]);
  }
  return new Set([...reach(down), ...reach(up)]);
}
