/** What is drawn of a graph: closing, folding, the budget. */
import { describe, expect, it } from 'vitest';
import { GRAPHS } from '../gallery/graph';
import { BUDGET, Picture, REST, collapse, initiallyOpen, levels, openTo } from './collapse';

const NONE = { open: new Set<string>(), unfolded: new Set<string>(), parameters: false };
const labels = (picture: Picture): string[] => picture.nodes.map(({ node, times }) => (times > 1 ? `${node.type} × ${times}` : node.label));

describe('collapse', () => {
  it('draws a closed module as one node, with the edges of what it hides', () => {
    const picture = collapse(GRAPHS.transformer(), NONE);
    expect(labels(picture)).toEqual(['x', 'token', 'blocks', 'head', 'nll_of_logits', 'mean']);
    expect(picture.edges.map(({ from, to }) => `${from} ${to}`)).toContain('m:token m:blocks');
  });

  it('folds 24 blocks of one form into one node that counts them', () => {
    const picture = collapse(GRAPHS.transformer(), { ...NONE, open: new Set(['m:blocks']) });
    expect(labels(picture)).toContain('TransformerEncoderLayer × 24');
    expect(picture.clusters.map(({ id }) => id)).toEqual(['m:blocks']);
  });

  it('draws every block after unfolding, and an open one beside those still folded', () => {
    const open = new Set(['m:blocks']);
    expect(collapse(GRAPHS.transformer(), { ...NONE, open, unfolded: new Set(['m:blocks.0']) }).nodes).toHaveLength(29);
    const picture = collapse(GRAPHS.transformer(), { ...NONE, open: new Set([...open, 'm:blocks.10']) });
    expect(labels(picture)).toEqual(expect.arrayContaining(['TransformerEncoderLayer × 10', 'TransformerEncoderLayer × 13', 'norm1']));
  });

  it('folds a pattern of several layers', () => {
    const [, layers] = collapse(GRAPHS.chain(), NONE).nodes;
    expect([layers.times, layers.folded.length, layers.result.type]).toEqual([500, 1000, 'tanh']);
  });

  it('does not fold blocks of different forms', () => {
    const graph = GRAPHS.transformer();
    graph.nodes.find(({ id }) => id === 'm:blocks.12.linear1')!.type = 'LowRank';
    const picture = collapse(graph, { ...NONE, open: new Set(['m:blocks']) });
    expect(labels(picture)).toEqual(expect.arrayContaining(['TransformerEncoderLayer × 12', '12', 'TransformerEncoderLayer × 11']));
  });

  it('draws parameters on demand only', () => {
    const graph = GRAPHS.mlp();
    const open = new Set(['m:0']);
    expect(labels(collapse(graph, { ...NONE, open }))).not.toContain('weight');
    expect(labels(collapse(graph, { ...NONE, open, parameters: true }))).toContain('weight');
  });

  it('says on a closed module that something in it is not a number', () => {
    const graph = GRAPHS.transformer();
    graph.nodes.find(({ id, kind }) => kind === 'op' && id === 'o:100')!.value!.nan = 1;
    const broken = collapse(graph, NONE).nodes.filter(each => each.broken);
    expect(broken.map(({ id }) => id)).toEqual(['m:blocks']);
  });

  it('does not take the infinities of a mask for a fault', () => {
    const graph = GRAPHS.tape();
    graph.nodes.find(({ kind }) => kind === 'input')!.value!.inf = 8;
    expect(collapse(graph, NONE).nodes.some(each => each.broken)).toBe(false);
  });

  it('keeps to the budget where nothing can be folded, and stays connected', () => {
    const { nodes, edges } = collapse(GRAPHS.loop(), NONE);
    expect(nodes.length).toBeLessThanOrEqual(BUDGET);
    expect(nodes.find(({ id }) => id === REST)!.folded.length + nodes.length).toBe(1003);
    expect(edges).toHaveLength(nodes.length - 1);
  });

  it('carries the largest gradient norm on an edge that stands for several', () => {
    const graph = GRAPHS.transformer();
    const norm = (id: string, value: number): void => void (graph.nodes.find(node => node.id === id)!.grad!.norm = value);
    const [one, other] = graph.nodes.filter(({ parent }) => parent === 'm:blocks.23').filter(({ kind }) => kind === 'op');
    graph.edges.push({ from: one.id, to: 'o:218', shape: [] }, { from: other.id, to: 'o:218', shape: [] });
    norm(one.id, 70);
    norm(other.id, 50);
    expect(collapse(graph, NONE).edges.find(({ from, to }) => from === 'm:blocks' && to === 'm:head')!.norm).toBe(70);
  });

  it('survives edges to nowhere and a parent that is missing', () => {
    const graph = GRAPHS.tape();
    graph.edges.push({ from: 'gone', to: 'o:2', shape: [] }, { from: 'o:2', to: 'gone', shape: [] });
    graph.nodes[0].parent = 'm:gone';
    expect(collapse(graph, NONE).nodes).toHaveLength(7);
    expect(collapse({ nodes: [], edges: [], step: 0 }, NONE).nodes).toEqual([]);
  });
});

describe('what is open at first', () => {
  it('is as much as can be seen at ease; modules of one op stay closed', () => {
    expect([...initiallyOpen(GRAPHS.transformer())]).toEqual(['m:blocks']);
    expect(initiallyOpen(GRAPHS.chain()).size).toBe(0);
  });

  it('goes down to the depth that was asked for, within the budget', () => {
    const graph = GRAPHS.transformer();
    expect(levels(graph).map(level => level.length)).toEqual([3, 24, 96]);
    expect(openTo(graph, 0).size).toBe(0);
    expect(openTo(graph, 2).size).toBe(27);
    expect(collapse(GRAPHS.chain(), { ...NONE, open: openTo(GRAPHS.chain(), 1) }).nodes.length).toBeLessThanOrEqual(BUDGET);
  });
});
