/** Sample: attention over a sentence, with the kinds of heads that trained models grow: previous word, first word, rhyme of meaning. */
import { Sample, noise } from './encode';

const TOKENS = 'The cat sat on the mat because it was tired and the sun was warm .'.split(' ');
const HEADS = 8;
const LAYERS = 4;
const REFERS: Record<number, number> = { 7: 1, 9: 1, 2: 1, 5: 2, 14: 12, 13: 12, 8: 7 };

/** How much head `kind` of a layer wants to look from one token to another, before the softmax. */
const WISHES: ((query: number, key: number, sharp: number) => number)[] = [
  (query, key, sharp) => (key === query - 1 || (query === 0 && key === 0) ? sharp : 0),
  (_query, key, sharp) => (key === 0 ? sharp * 0.8 : 0),
  (query, key, sharp) => (key === query ? sharp * 0.9 : 0),
  (query, key, sharp) => (REFERS[query] === key ? sharp * 1.3 : key === query ? sharp * 0.5 : 0),
  (query, key, sharp) => -Math.abs(query - key) * sharp * 0.16,
  (query, key, sharp) => (TOKENS[key].toLowerCase() === TOKENS[query].toLowerCase() ? sharp * 0.7 : 0),
  () => 0,
  (query, key, sharp) => (key === TOKENS.length - 1 ? sharp * 0.55 : key === query + 1 ? sharp * 0.8 : 0)
];

function headOf(layer: number, head: number, random: () => number): number[] {
  const wish = WISHES[(head + layer * 3) % WISHES.length];
  const sharp = 3.2 + layer * 0.6;
  return TOKENS.flatMap((_, query) => {
    const scores = TOKENS.map((_, key) => Math.exp(wish(query, key, sharp) + 0.35 * random()));
    const total = scores.reduce((sum, score) => sum + score);
    return scores.map(score => Math.round((score / total) * 255));
  });
}

function looks(run: string): Sample {
  const random = noise(11);
  const size = TOKENS.length;
  return {
    message: {
      op: 'attention', run, seq: 4, step: 1660, tokens: TOKENS,
      layers: Array.from({ length: LAYERS }, (_, layer) => ({ name: `blocks.${layer}.attention`, heads: HEADS, queries: size, keys: size }))
    },
    buffers: Array.from({ length: LAYERS }, (_, layer) =>
      Uint8Array.from(Array.from({ length: HEADS }, (_, head) => headOf(layer, head, random)).flat()))
  };
}

export const attention: Sample[] = [looks('a')];
