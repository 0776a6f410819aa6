/**
 * What the gradient-flow view says and where it puts it: numbers, columns, limits, the layers it calls out. No DOM.
 *
 * Judgements are made at the newest sample, against the other layers and against the layer's own past; they are the
 * same whatever is picked or scrolled, so that the words do not change under the reader's hand.
 */
import { plural, short } from '../core/format';
import { Table } from '../core/frame';
import { GradientFlow } from '../core/store';

export type Metric = 'gradient' | 'ratio' | 'weight';

/** `middle`: the power of ten that is neither small nor large, for numbers that have one. */
export const METRICS: Record<Metric, { title: string; column: number; middle: number | null }> = {
  gradient: { title: 'gradient norm', column: 0, middle: null },
  ratio: { title: 'update / weight', column: 2, middle: -3 },
  weight: { title: 'weight norm', column: 1, middle: null }
};

const WIDTH = 5;
const NAN = 3;
const INF = 4;
const VANISHED = 1e-3;
const EXPLODED = 10;
/** Share of cells at either end that may leave the colour scale; they are drawn with an arrow. */
const CLIPPED = 0.002;
/** Cells that the limits of the scale are found from. */
const MOST_SORTED = 40_000;

/** One number of a layer at a sample. */
export function value(flow: GradientFlow, metric: Metric, layer: number, sample: number): number {
  return flow.stats[sample][layer * WIDTH + METRICS[metric].column];
}

/** NaN and Inf counts of a layer at a sample. */
export function bad(flow: GradientFlow, layer: number, sample: number): { nan: number; inf: number } {
  const row = flow.stats[sample];
  return { nan: row[layer * WIDTH + NAN] || 0, inf: row[layer * WIDTH + INF] || 0 };
}

/** How many gradients of a layer were not finite at a sample. */
export function broken(flow: GradientFlow, layer: number, sample: number): number {
  const { nan, inf } = bad(flow, layer, sample);
  return nan + inf;
}

export type Limits = [low: number, high: number];

/** Lowest and highest power of ten of the colour scale; symmetrical around the middle of a metric that has one. */
export function range(flow: GradientFlow, metric: Metric): Limits {
  const powers: number[] = [];
  const stride = Math.ceil((flow.steps.length * flow.layers.length) / MOST_SORTED);
  flow.steps.forEach((_, sample) => {
    // The newest sample counts always, of long runs every n-th before it.
    if ((flow.steps.length - 1 - sample) % stride) return;
    flow.layers.forEach((_, layer) => {
      const power = Math.log10(value(flow, metric, layer, sample));
      if (Number.isFinite(power)) powers.push(power);
    });
  });
  if (!powers.length) return [-1, 0];
  powers.sort((a, b) => a - b);
  const cut = Math.floor(powers.length * CLIPPED);
  const [low, high] = [powers[cut], powers[powers.length - 1 - cut]];
  const { middle } = METRICS[metric];
  if (middle !== null) {
    const reach = Math.max(1, Math.abs(low - middle), Math.abs(high - middle));
    return [middle - reach, middle + reach];
  }
  return high - low < 0.5 ? [low - 0.25, high + 0.25] : [low, high];
}

/** Samples from..to (not included) that share one column of pixels. */
export interface Column {
  from: number;
  to: number;
}

/** As many columns as there are samples, or as fit at `least` pixels each. */
export function columnsOf(samples: number, width: number, least = 3): Column[] {
  const amount = Math.max(1, Math.min(samples, Math.floor(width / least)));
  return Array.from({ length: amount }, (_, index) => ({
    from: Math.floor((index * samples) / amount),
    to: Math.floor(((index + 1) * samples) / amount)
  }));
}

export interface Cell {
  /** mean power of ten of the finite values; NaN when there is none */
  power: number;
  broken: boolean;
}

/** What one column of a layer shows; a single broken sample among many still breaks it. */
export function cellOf(flow: GradientFlow, metric: Metric, layer: number, { from, to }: Column): Cell {
  let sum = 0;
  let count = 0;
  let anyBroken = false;
  for (let sample = from; sample < to; sample++) {
    if (broken(flow, layer, sample)) anyBroken = true;
    const power = Math.log10(value(flow, metric, layer, sample));
    if (!Number.isFinite(power)) continue;
    sum += power;
    count++;
  }
  return { power: count ? sum / count : NaN, broken: anyBroken };
}

export type Kind = 'broken' | 'exploding' | 'vanishing' | 'still';

export interface Callout {
  kind: Kind;
  layer: number;
  /** where to look; null: the newest sample */
  sample: number | null;
  text: string;
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Layers that a person should look at, worst kind first. */
export function callouts(flow: GradientFlow): Callout[] {
  const last = flow.steps.length - 1;
  const norms = flow.layers.map((_, layer) => value(flow, 'gradient', layer, last));
  const typical = median(norms.filter(norm => norm > 0 && Number.isFinite(norm)));
  const found = flow.layers.flatMap((_, layer) => judge(flow, layer, norms[layer], typical));
  const order: Kind[] = ['broken', 'exploding', 'vanishing', 'still'];
  return found.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

function judge(flow: GradientFlow, layer: number, norm: number, typical: number): Callout[] {
  const name = flow.layers[layer];
  const first = flow.steps.findIndex((_, sample) => broken(flow, layer, sample) > 0);
  if (first >= 0) return [{ kind: 'broken', layer, sample: first, text: `${name}: NaN or Inf in its gradients at step ${flow.steps[first]}` }];
  if (norm === 0) return [{ kind: 'still', layer, sample: null, text: `${name} gets no gradient at all` }];
  if (norm < VANISHED * typical) {
    return [{ kind: 'vanishing', layer, sample: null, text: `${name} vanishing: ${short(norm / typical, 3)} of the typical gradient` }];
  }
  if (!(norm > typical)) return [];
  const past = flow.steps.map((_, sample) => value(flow, 'gradient', layer, sample)).filter(Number.isFinite);
  if (past.length > 4 && norm > EXPLODED * median(past)) {
    return [{ kind: 'exploding', layer, sample: null, text: `${name} exploding: ${short(norm / median(past), 2)} times its usual size` }];
  }
  return [];
}

const TOGETHER: Record<Kind, string> = {
  broken: 'have NaN or Inf in their gradients',
  exploding: 'are exploding',
  vanishing: 'are vanishing: under a thousandth of the typical gradient',
  still: 'get no gradient at all'
};

/** At most two callouts of a kind; more of it become one that says how many. */
export function grouped(found: Callout[]): Callout[] {
  return (Object.keys(TOGETHER) as Kind[]).flatMap(kind => {
    const same = found.filter(each => each.kind === kind);
    if (same.length <= 2) return same;
    return [{ ...same[0], text: `${plural(same.length, 'layer')} ${TOGETHER[kind]}` }];
  });
}

/** The picture in a sentence. */
export function describe(flow: GradientFlow, notes = callouts(flow)): string {
  const last = flow.steps.length - 1;
  const norms = flow.layers.map((name, layer) => ({ name, norm: value(flow, 'gradient', layer, last) })).filter(({ norm }) => Number.isFinite(norm));
  const about = `${plural(flow.layers.length, 'parameter')} from input to output, ${plural(flow.steps.length, 'sample')} up to step ${flow.steps[last]}`;
  const words = grouped(notes).map(({ text }) => text);
  const verdict = words.length ? ` ${words.join('; ')}.` : ' No layer vanishes or explodes.';
  if (!norms.length) return `${about}.${verdict}`;
  norms.sort((a, b) => a.norm - b.norm);
  const [least, most] = [norms[0], norms[norms.length - 1]];
  return `${about}: gradient norms from ${short(least.norm, 3)} (${least.name}) to ${short(most.norm, 3)} (${most.name}).${verdict}`;
}

/** One cell in words. */
export function describeCell(flow: GradientFlow, layer: number, sample: number): string {
  const numbers = (['gradient', 'weight', 'ratio'] as const).map(metric => `${METRICS[metric].title} ${short(value(flow, metric, layer, sample), 3)}`);
  const { nan, inf } = bad(flow, layer, sample);
  return [`${flow.layers[layer]}, step ${flow.steps[sample]}: ${numbers.join(' · ')}`, nan && `${nan} NaN`, inf && `${inf} Inf`].filter(Boolean).join(' · ');
}

/** One sample as a table. */
export function tableOf(flow: GradientFlow, sample: number): Table {
  const found = callouts(flow);
  const rows = flow.layers.map((name, layer) => {
    const { nan, inf } = bad(flow, layer, sample);
    return [
      name, ...(['gradient', 'weight', 'ratio'] as const).map(metric => short(value(flow, metric, layer, sample))), nan, inf,
      found.find(each => each.layer === layer)?.kind ?? ''
    ];
  });
  return { caption: `Gradient flow at step ${flow.steps[sample]}`, head: ['parameter', 'gradient norm', 'weight norm', 'update / weight', 'NaN', 'Inf', 'note'], rows };
}
