/** From the visible graph to DOT. Colours are left to the style sheet: nodes and edges carry classes and ids only. */
import { shape } from '../core/format';
import { Picture, Shown, isBroken } from './collapse';

/** A string as a quoted DOT identifier or label. */
export function quote(text: string): string {
  return `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;
}

const MOST = 28;
const cut = (text: string): string => (text.length > MOST ? `${text.slice(0, MOST - 1)}…` : text);

/** The lines of a node's label. */
export function labelOf({ node, times }: Shown): string {
  const name = node.kind === 'module' ? `${node.label}: ${node.type}` : node.label;
  const lines = [times > 1 ? `${node.type} × ${times}` : cut(name)];
  const number = node.value && !node.shape.length && node.value.mean !== null ? ` = ${Number(node.value.mean.toPrecision(4))}` : '';
  if (node.shape.length) lines.push(shape(node.shape));
  else if (number) lines[0] += number;
  if (isBroken(node)) lines.push('✕ not a number');
  return lines.join('\n');
}

/** The whole picture; node n has the id `wb-node-n`, cluster n `wb-cluster-n`, edge n `wb-edge-n`. */
export function toDot(picture: Picture): string {
  const lines = [
    'digraph G {', 'rankdir=TB; ranksep=0.35; nodesep=0.25; bgcolor="transparent"; compound=true;',
    'node [shape=box, style="rounded", fontname="Helvetica", fontsize=11, margin="0.12,0.06", height=0.3];',
    'edge [arrowsize=0.6];', 'graph [fontname="Helvetica", fontsize=11, labeljust=l, style="rounded"];'
  ];
  const inside = new Map<string, string[]>();
  const put = (parent: string, line: string): void => void inside.set(parent, [...(inside.get(parent) ?? []), line]);
  const clusters = new Set(picture.clusters.map(cluster => cluster.id));
  const home = (parent: string): string => (clusters.has(parent) ? parent : '');
  picture.nodes.forEach((shown, index) => {
    const shapeOf = shown.node.kind === 'input' || shown.node.kind === 'output' ? ', shape=ellipse' : shown.node.kind === 'module' ? ', peripheries=2' : '';
    put(home(shown.node.parent), `${quote(shown.id)} [id="wb-node-${index}", class="wb-kind-${shown.node.kind}", label=${quote(labelOf(shown))}${shapeOf}];`);
  });
  // Innermost first, so that a cluster's text is complete when it is put into its parent.
  [...picture.clusters].reverse().forEach(cluster => {
    const index = picture.clusters.indexOf(cluster);
    const body = inside.get(cluster.id);
    if (!body) return;
    put(home(cluster.parent), [`subgraph ${quote(`cluster_${cluster.id}`)} {`, `id="wb-cluster-${index}"; margin=10; label=${quote(cut(`${cluster.label}: ${cluster.type}`))};`, ...body, '}'].join('\n'));
  });
  lines.push(...(inside.get('') ?? []));
  picture.edges.forEach(({ from, to }, index) => lines.push(`${quote(from)} -> ${quote(to)} [id="wb-edge-${index}"];`));
  return [...lines, '}'].join('\n');
}
