/** From the visible graph to DOT. Colours are left to the style sheet: nodes and edges carry classes and ids only. */
import { shape } from '../core/format';
import { Picture, REST, Shown } from './collapse';

/** A string as a quoted DOT identifier or label. */
export function quote(text: string): string {
  // A NUL ends a text in C; other control characters and halves of pairs make the SVG that comes back unreadable.
  const clean = text.replace(/[^\P{Cc}\n]|\p{Cs}|[\ufffe\uffff]/gu, ' ');
  return `"${clean.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;
}

/** A label: quoted, and its ampersands kept from being read as entities. */
const text = (label: string): string => quote(label.replace(/&/g, '&amp;'));

const MOST = 28;
const cut = (name: string): string => (name.length > MOST ? `${name.slice(0, MOST - 1)}…` : name);

/** What a closed module or a run of folded ones is called. */
export function titleOf({ node, times, folded }: Shown): string {
  if (times > 1) {
    const pattern = folded.slice(0, folded.length / times).map(each => each.type);
    return `${cut(pattern.length > 1 ? `(${pattern.join(', ')})` : pattern[0])} × ${times}`;
  }
  return cut(node.kind === 'module' && node.id !== REST ? `${node.label}: ${node.type}` : node.label);
}

/** The lines of a node's label. */
export function labelOf(shown: Shown): string {
  const { node, times, folded } = shown;
  const lines = [titleOf(shown)];
  if (times > 1) lines.push(cut(`${node.label} … ${folded[folded.length - 1].label}`));
  else if (node.shape.length) lines.push(shape(node.shape));
  else if (node.value && node.value.mean !== null) lines[0] += ` = ${Number(node.value.mean.toPrecision(4))}`;
  if (shown.broken) lines.push('✕ not a number');
  return lines.join('\n');
}

const ROUND = ', shape=ellipse, margin="0.1,0.03"';
const STACK = ', shape=box3d, style="", margin="0.26,0.1"';
const SHAPES: Partial<Record<Shown['node']['kind'], string>> = { input: ROUND, output: ROUND };

/** The whole picture; node n has the id `wb-node-n`, cluster n `wb-cluster-n`, edge n `wb-edge-n`. */
export function toDot(picture: Picture): string {
  const lines = [
    'digraph G {', 'rankdir=TB; ranksep=0.32; nodesep=0.25; bgcolor="transparent"; compound=true;',
    'node [shape=box, style="rounded", fontname="Helvetica", fontsize=11, margin="0.18,0.07", height=0.3];',
    'edge [arrowsize=0.6];', 'graph [fontname="Helvetica", fontsize=11, labeljust=l, style="rounded"];'
  ];
  const inside = new Map<string, string[]>();
  const put = (parent: string, line: string): void => {
    const body = inside.get(parent);
    if (body) body.push(line);
    else inside.set(parent, [line]);
  };
  const clusters = new Set(picture.clusters.map(cluster => cluster.id));
  const home = (parent: string): string => (clusters.has(parent) ? parent : '');
  picture.nodes.forEach((shown, index) => {
    const { kind, parent } = shown.node;
    const classes = [`wb-kind-${kind}`, shown.times > 1 ? 'wb-folded' : '', shown.broken ? 'wb-broken' : ''].filter(Boolean).join(' ');
    const extra = shown.times > 1 ? STACK : (SHAPES[kind] ?? '');
    put(home(parent), `${quote(shown.id)} [id="wb-node-${index}", class="${classes}", label=${text(labelOf(shown))}${extra}];`);
  });
  // Innermost first, so that a cluster's text is complete when it is put into its parent.
  for (let index = picture.clusters.length - 1; index >= 0; index--) {
    const cluster = picture.clusters[index];
    const body = inside.get(cluster.id);
    if (!body) continue;
    const label = text(cut(`${cluster.label}: ${cluster.type}`));
    put(home(cluster.parent), [`subgraph ${quote(`cluster_${cluster.id}`)} {`, `id="wb-cluster-${index}"; margin=10; label=${label};`, ...body, '}'].join('\n'));
  }
  lines.push(...(inside.get('') ?? []));
  // Parameters hang on at the side; the way of the data stays straight.
  const states = new Set(picture.nodes.filter(({ node }) => node.kind === 'parameter' || node.kind === 'buffer').map(({ id }) => id));
  picture.edges.forEach(({ from, to }, index) => lines.push(`${quote(from)} -> ${quote(to)} [id="wb-edge-${index}", weight=${states.has(from) ? 0 : 4}];`));
  return [...lines, '}'].join('\n');
}
