/** Attention: arithmetic of maps, what heads are said to do, long texts, and what the cursor reads. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Attention, Store } from '../core/store';
import { mountAttention } from './attention';
import { cellAt, labelled, mapLayout } from './attention-draw';
import { AttentionMap, describeCell, habit, head, linksOf, meanOfHeads, rollout, shrunk, strongest, tableOf, visible } from './attention-model';

const mapOf = (rows: number[][]): AttentionMap => ({ title: 'map', queries: rows.length, keys: rows[0].length, weights: Float32Array.from(rows.flat()) });
const square = (size: number, weight: (query: number, key: number) => number): number[][] =>
  Array.from({ length: size }, (_, query) => Array.from({ length: size }, (_, key) => weight(query, key)));

/** One layer for each list of heads, each head a matrix of weights. */
function attentionOf(...layers: number[][][][]): Attention {
  return {
    step: 9,
    tokens: ['the', 'cat', 'sat', 'down'],
    layers: layers.map((heads, index) => ({
      name: `layer.${index}`, heads: heads.length, queries: heads[0].length, keys: heads[0][0].length,
      weights: Uint8Array.from(heads.flat(2), weight => Math.round(weight * 255))
    }))
  };
}

const identity = (size: number): number[][] => square(size, (query, key) => Number(query === key));
const previous = (size: number): number[][] => square(size, (query, key) => Number(key === Math.max(0, query - 1)));
const even = (size: number): number[][] => square(size, () => 1 / size);

it('takes one head out of a layer and the mean of all', () => {
  const found = attentionOf([identity(4), previous(4)]);
  expect([...head(found, 0, 1).weights.slice(4, 8)]).toEqual([1, 0, 0, 0]);
  expect([...meanOfHeads(found, 0).weights.slice(4, 8)]).toEqual([0.5, 0.5, 0, 0]);
});

it('keeps rows of a rollout summing to one through many layers of rounded bytes', () => {
  const found = attentionOf(...Array.from({ length: 12 }, () => [even(4), previous(4)]));
  const { weights } = rollout(found, 11)!;
  for (let row = 0; row < 4; row++) expect(weights.slice(row * 4, row * 4 + 4).reduce((sum, each) => sum + each)).toBeCloseTo(1, 4);
});

it('rolls identity through to identity, and previous words back by the residual weights', () => {
  expect([...rollout(attentionOf([identity(3)], [identity(3)]), 1)!.weights]).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  expect([...rollout(attentionOf([previous(4)], [previous(4)]), 1)!.weights.slice(12)]).toEqual([0, 0.25, 0.5, 0.25]);
});

it('has no rollout for maps of another shape', () => {
  expect(rollout(attentionOf([square(4, () => 0.25).map(row => row.slice(0, 3))]), 0)).toBeNull();
  expect(rollout(attentionOf([identity(4)], [identity(3)]), 1)).toBeNull();
});

it.each([['itself', identity(8)], ['previous', previous(8)], ['spread out', even(8)], ['first', square(8, (_, key) => Number(key === 0))],
  ['next', square(8, (query, key) => Number(key === Math.min(7, query + 1)))]])('says that a head looks at: %s', (name, rows) => {
  expect(habit(mapOf(rows))).toBe(name);
});

it('shrinks to the strongest of what a cell stands for', () => {
  const large = mapOf(square(600, (query, key) => (query === 599 && key === 3 ? 1 : 0.001)));
  const small = shrunk(large, 64);
  expect([small.queries, small.keys]).toEqual([64, 64]);
  expect(small.weights[63 * 64]).toBe(1);
  expect(shrunk(small, 64)).toBe(small);
});

it('links every token of a short text, one query of a long one', () => {
  expect(linksOf(mapOf(previous(8)), 3).left).toHaveLength(8);
  const long = linksOf(mapOf(square(500, (query, key) => Number(key === query - 1))), 300);
  expect(long).toMatchObject({ left: [300], right: [299], links: [{ query: 300, key: 299, weight: 1 }] });
  expect(linksOf(mapOf(even(8)), 0).links).toHaveLength(8);
});

it('reads tokens that cannot be seen', () => {
  expect([' ', '\n', '', ' cat', 'a b'].map((_, index, tokens) => visible(tokens, index))).toEqual(['␣', '⏎', '∅', '␣cat', 'a b']);
  expect(visible([], 4)).toBe('4');
  const map = mapOf([[0.25, 0.75], [0.58, 0.42]]);
  expect(describeCell(['the', 'cat'], map, 1, 1)).toBe('query “cat” (1) attends 0.42 to “cat” (1)');
  expect(strongest(map, 0).map(({ key }) => key)).toEqual([1, 0]);
  expect(tableOf(attentionOf([identity(4)]), mapOf(identity(4))).rows[1]).toEqual(['1: cat', 'cat (1) 1.00', '', '']);
});

it('names tokens while they fit, and numbers when there are hundreds', () => {
  const short = mapLayout(mapOf(identity(16)), 480);
  expect(short.named).toBe(true);
  expect(labelled(16, short)).toHaveLength(16);
  const wide = mapLayout(mapOf(identity(512)), 480);
  expect(wide.named).toBe(false);
  expect(labelled(512, wide)).toEqual([0, 100, 200, 300, 400, 500]);
  expect(cellAt(mapOf(identity(16)), short, short.left + 1, short.top + short.cellHeight * 2.5)).toEqual({ query: 2, key: 0 });
  expect(cellAt(mapOf(identity(16)), short, 3, 3)).toBeNull();
});

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

function mounted(found: Attention | null): void {
  const store = new Store();
  store.apply({ op: 'runs', runs: [{ run: 'a', title: 'A', state: 'running' }] }, []);
  store.run!.attention = found;
  mountAttention(document.body, store, { kind: 'offline', send: () => undefined });
  vi.advanceTimersByTime(500);
}

it('reads cells by the arrow keys', () => {
  mounted(attentionOf([identity(4), previous(4)]));
  const map = document.querySelector('.wb-attention')!;
  const press = (key: string): void => {
    map.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    vi.advanceTimersByTime(500);
  };
  press('ArrowDown');
  expect(document.querySelector('.wb-readout')!.textContent).toBe('query “the” (0) attends 1.00 to “the” (0)');
  press('ArrowDown');
  press('ArrowRight');
  expect(document.querySelector('.wb-readout')!.textContent).toBe('query “cat” (1) attends 0.00 to “the” (0)');
});

it('offers mean and rollout where they mean something', () => {
  mounted(attentionOf([identity(4), previous(4)], [identity(4), previous(4)]));
  const names = [...document.querySelectorAll('.wb-head-button span')].map(each => each.textContent);
  expect(names).toEqual(['head 0', 'head 1', 'mean', 'rollout']);
  document.querySelectorAll<HTMLButtonElement>('.wb-head-button')[3].click();
  vi.advanceTimersByTime(500);
  expect(document.querySelector('.wb-subtitle')!.textContent).toBe('rollout through 1 layer');
  expect(document.querySelectorAll('[aria-pressed=true].wb-head-button')).toHaveLength(1);
});

it('says how to get attention when there is none', () => {
  mounted(null);
  expect(document.querySelector('.wb-state code')!.textContent).toContain('wb.show.attention(model, ids, tokens=words)');
});
