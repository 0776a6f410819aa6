/**
 * The arithmetic of attention maps: means of heads, rollout, what a query looks at, what a head does, in words. No DOM.
 */
import { plural } from '../core/format';
import { Table } from '../core/frame';
import { Attention } from '../core/store';

/** One map to look at; weights 0..1, row major. */
export interface AttentionMap {
  title: string;
  queries: number;
  keys: number;
  weights: Float32Array;
}

/** One head of a layer. */
export function head(found: Attention, layer: number, index: number): AttentionMap {
  const { queries, keys, weights, name } = found.layers[layer];
  const size = queries * keys;
  const part = weights.subarray(index * size, (index + 1) * size);
  return { title: `${name}, head ${index}`, queries, keys, weights: Float32Array.from(part, byte => byte / 255) };
}

/** The mean of all heads of a layer. */
export function meanOfHeads(found: Attention, layer: number): AttentionMap {
  const { heads, queries, keys, weights, name } = found.layers[layer];
  const size = queries * keys;
  const mean = new Float32Array(size);
  for (let index = 0; index < heads; index++) {
    for (let place = 0; place < size; place++) mean[place] += weights[index * size + place] / 255 / heads;
  }
  return { title: `${name}, mean of ${plural(heads, 'head')}`, queries, keys, weights: mean };
}

/** Beyond this many tokens the products of rollout would hold the page up for seconds. */
const MOST_ROLLOUT = 512;

/**
 * Attention rollout (Abnar and Zuidema 2020): how much of each input reaches each position through the layers up to
 * this one, with half of every layer's flow in the residual connection. Null when maps are not square and alike.
 */
export function rollout(found: Attention, upTo: number): AttentionMap | null {
  const size = found.layers[0].queries;
  const layers = found.layers.slice(0, upTo + 1);
  if (size > MOST_ROLLOUT || layers.some(layer => layer.queries !== size || layer.keys !== size)) return null;
  let total: Float32Array | null = null;
  for (let layer = 0; layer <= upTo; layer++) {
    const step = residual(meanOfHeads(found, layer).weights, size);
    total = total ? product(step, total, size) : step;
  }
  return { title: `rollout through ${plural(upTo + 1, 'layer')}`, queries: size, keys: size, weights: total! };
}

/** Half attention, half identity, rows summing to one: bytes are rounded, and their loss would grow with every layer. */
function residual(weights: Float32Array, size: number): Float32Array {
  const out = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    let sum = 0;
    for (let column = 0; column < size; column++) sum += weights[row * size + column];
    for (let column = 0; column < size; column++) out[row * size + column] = weights[row * size + column] / (2 * (sum || 1));
    out[row * size + row] += sum ? 0.5 : 1;
  }
  return out;
}

function product(left: Float32Array, right: Float32Array, size: number): Float32Array {
  const out = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let inner = 0; inner < size; inner++) {
      const weight = left[row * size + inner];
      if (!weight) continue;
      for (let column = 0; column < size; column++) out[row * size + column] += weight * right[inner * size + column];
    }
  }
  return out;
}

/** Bytes for painting, the strongest weight at full brightness: in long texts every weight is small. */
export function bytesOf({ weights }: AttentionMap): Uint8Array {
  const most = strongestWeight(weights);
  return Uint8Array.from(weights, weight => Math.round((weight / most) * 255));
}

/** The largest weight of a map; 1 when all are zero. */
export function strongestWeight(weights: Float32Array): number {
  let most = 0;
  for (const weight of weights) if (weight > most) most = weight;
  return most || 1;
}

/** A map of at most `side` rows and columns: each cell is the strongest of those that it stands for. */
export function shrunk(map: AttentionMap, side: number): AttentionMap {
  const queries = Math.min(side, map.queries);
  const keys = Math.min(side, map.keys);
  if (queries === map.queries && keys === map.keys) return map;
  const weights = new Float32Array(queries * keys);
  for (let row = 0; row < map.queries; row++) {
    const top = Math.floor((row * queries) / map.queries) * keys;
    for (let column = 0; column < map.keys; column++) {
      const at = top + Math.floor((column * keys) / map.keys);
      const weight = map.weights[row * map.keys + column];
      if (weight > weights[at]) weights[at] = weight;
    }
  }
  return { title: map.title, queries, keys, weights };
}

export interface Link {
  query: number;
  key: number;
  weight: number;
}

/** Weights below this are not worth a line. */
const FAINT = 0.02;

/** The keys that a query looks at most, strongest first. */
export function strongest(map: AttentionMap, query: number, most = 5): Link[] {
  const row = map.weights.subarray(query * map.keys, (query + 1) * map.keys);
  const links = Array.from(row, (weight, key) => ({ query, key, weight }));
  return links.sort((a, b) => b.weight - a.weight).slice(0, most).filter(each => each.weight > FAINT);
}

/** Up to this many tokens all of them stand beside each other; above, one query and what it looks at. */
const MOST_ROWS = 36;
const MOST_LINKS = 14;

/** What the link drawing shows: token numbers at both sides, and the links between them. */
export interface Links {
  left: number[];
  right: number[];
  links: Link[];
}

export function linksOf(map: AttentionMap, query: number): Links {
  if (Math.max(map.queries, map.keys) <= MOST_ROWS) {
    const left = [...Array(map.queries).keys()];
    // A line says "more than its share": a head that looks everywhere alike gets one line a query, not a cloud.
    const share = 1.2 / map.keys;
    const links = left.flatMap(each => strongest(map, each, 6).filter((link, rank) => !rank || link.weight > share));
    return { left, right: [...Array(map.keys).keys()], links };
  }
  const links = strongest(map, query, MOST_LINKS);
  return { left: [query], right: links.map(({ key }) => key).sort((a, b) => a - b), links };
}

/** What a head does, if it does one thing: mean weight on the place before, on itself, after, and on the first token. */
export function habit({ queries, keys, weights }: AttentionMap): string {
  const mean = (keyOf: (query: number) => number, from = 0): number => {
    let sum = 0;
    let count = 0;
    for (let query = from; query < queries; query++) {
      const key = keyOf(query);
      if (key < 0 || key >= keys) continue;
      sum += weights[query * keys + key];
      count++;
    }
    return count ? sum / count : 0;
  };
  if (queries < 3) return '';
  const named: [string, number][] = [
    ['previous', mean(query => query - 1, 2)], ['itself', mean(query => query, 1)], ['next', mean(query => query + 1)], ['first', mean(() => 0, 2)]
  ];
  named.sort((a, b) => b[1] - a[1]);
  if (named[0][1] >= 0.35) return named[0][0];
  return spread(weights, queries, keys) > 0.95 ? 'spread out' : 'mixed';
}

/** Mean entropy of the rows, as a share of what a row could have: 1 = looks at everything alike. */
function spread(weights: Float32Array, queries: number, keys: number): number {
  let total = 0;
  let rows = 0;
  for (let query = 0; query < queries; query++) {
    let entropy = 0;
    let open = 0;
    for (let key = 0; key < keys; key++) {
      const weight = weights[query * keys + key];
      if (weight <= 0) continue;
      open++;
      entropy -= weight * Math.log(weight);
    }
    if (open < 2) continue;
    total += entropy / Math.log(open);
    rows++;
  }
  return rows ? total / rows : 0;
}

/** A token that can be seen: white space by signs, a missing one by its place. */
export function visible(tokens: readonly string[], index: number): string {
  const token = tokens[index];
  if (token === undefined) return String(index);
  if (token === '') return '∅';
  return token.replaceAll('\n', '⏎').replaceAll('\t', '⇥').replace(/^ +| +$/g, spaces => '␣'.repeat(spaces.length));
}

/** `query “it” (7) attends 0.42 to “cat” (1)`. */
export function describeCell(tokens: readonly string[], map: AttentionMap, query: number, key: number): string {
  const weight = map.weights[query * map.keys + key];
  return `query “${visible(tokens, query)}” (${query}) attends ${weight.toFixed(2)} to “${visible(tokens, key)}” (${key})`;
}

const HABITS: Record<string, string> = {
  previous: 'mostly from a token to the one before', next: 'mostly from a token to the next', first: 'mostly to the first token',
  itself: 'mostly from a token to itself', 'spread out': 'spread evenly'
};

/** The picture in a sentence. */
export function describe({ tokens, step }: Attention, map: AttentionMap): string {
  let best: Link = { query: 0, key: 0, weight: 0 };
  map.weights.forEach((weight, index) => {
    const query = Math.floor(index / map.keys);
    const key = index % map.keys;
    // The first token has little choice, and looking at oneself tells little.
    if (weight > best.weight && query !== key && query) best = { query, key, weight };
  });
  const about = [`${map.title} at step ${step}, ${plural(map.queries, 'token')}`, HABITS[habit(map)]].filter(Boolean).join(', ');
  if (!best.weight) return `${about}.`;
  return `${about}. The strongest look at another token: ${describeCell(tokens, map, best.query, best.key)}.`;
}

/** For every query the keys it looks at most. */
export function tableOf({ tokens }: Attention, map: AttentionMap): Table {
  const rows = Array.from({ length: map.queries }, (_, query) => {
    const looks = strongest(map, query, 3).map(({ key, weight }) => `${visible(tokens, key)} (${key}) ${weight.toFixed(2)}`);
    return [`${query}: ${visible(tokens, query)}`, ...looks, ...Array<string>(3 - looks.length).fill('')];
  });
  return { caption: map.title, head: ['query', 'looks most at', 'then at', 'then at'], rows };
}
