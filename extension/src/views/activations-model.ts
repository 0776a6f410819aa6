/** What the activations view says of a layer: its statistics, what is wrong with it, in words. No DOM. */
import { plural, shape, short } from '../core/format';
import { Table } from '../core/frame';
import { Activations } from '../core/store';

const WIDTH = 6;
export const COLUMN = { mean: 0, std: 1, min: 2, max: 3, dead: 4, saturated: 5 };
/** Shares from which a layer is called out. */
const MANY_DEAD = 0.5;
const MANY_SATURATED = 0.4;
/** Rows beyond this are found by the filter. */
const MOST_ROWS = 200;

/** One statistic of a layer. */
export function statistic(found: Activations, layer: number, column: keyof typeof COLUMN): number {
  return found.stats[layer * WIDTH + COLUMN[column]];
}

/** The histogram of a layer. */
export function countsOf(found: Activations, layer: number): Uint32Array {
  return found.counts.subarray(layer * found.bins, (layer + 1) * found.bins);
}

/** `62 %`; a share that there is never reads as none. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  if (share > 0 && share < 0.005) return '<1 %';
  return `${Math.round(share * 100)} %`;
}

/** What is wrong with a layer, in words; empty when nothing is. */
export function flags(found: Activations, layer: number): string[] {
  const said: string[] = [];
  const dead = statistic(found, layer, 'dead');
  const saturated = statistic(found, layer, 'saturated');
  if (!Number.isFinite(statistic(found, layer, 'mean'))) said.push('not a number');
  if (dead > MANY_DEAD) said.push(`${percent(dead)} of its units are dead`);
  if (saturated > MANY_SATURATED) said.push(`${percent(saturated)} saturated`);
  if (statistic(found, layer, 'std') === 0) said.push('the same number everywhere');
  return said;
}

/** Layers whose name or type holds the text, and how many more there would be. */
export function matching(found: Activations, text: string): { shown: number[]; more: number } {
  const wanted = text.trim().toLowerCase();
  const all = found.layers.flatMap(({ name, type }, index) => (`${name} ${type}`.toLowerCase().includes(wanted) ? [index] : []));
  return { shown: all.slice(0, MOST_ROWS), more: Math.max(0, all.length - MOST_ROWS) };
}

/** The layer that is open until a person picks one: the first with feature maps, else the first in trouble. */
export function firstChoice(found: Activations): string | null {
  const index = found.layers.findIndex((_, layer) => flags(found, layer).length > 0);
  return found.maps[0]?.layer ?? found.layers[index]?.name ?? found.layers[0]?.name ?? null;
}

/** A histogram as the outline of an area, `0 0 width height`, for an SVG path. */
export function outline(counts: ArrayLike<number>, width: number, height: number): string {
  let most = 1;
  for (let index = 0; index < counts.length; index++) most = Math.max(most, counts[index]);
  const step = width / counts.length;
  let path = `M0 ${height}`;
  for (let index = 0; index < counts.length; index++) {
    // A bin that holds anything at all is seen.
    const top = counts[index] ? Math.min(height - 0.8, height - (counts[index] / most) * height) : height;
    path += `V${top.toFixed(1)}H${((index + 1) * step).toFixed(1)}`;
  }
  return `${path}V${height}Z`;
}

/** Mean and extent of one channel, in the units of the layer. */
export function channelRange(values: Uint8Array, lo: number, hi: number): { low: number; high: number; mean: number } {
  let [low, high, sum] = [255, 0, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
  }
  const scaled = (value: number): number => lo + (value / 255) * (hi - lo);
  return { low: scaled(low), high: scaled(high), mean: scaled(sum / (values.length || 1)) };
}

/** The picture in a sentence. */
export function describe(found: Activations): string {
  const bad = found.layers.flatMap((layer, index) => flags(found, index).map(flag => `${layer.name}: ${flag}`));
  const about = `Outputs of ${plural(found.layers.length, 'layer')} at step ${found.step}`;
  if (!bad.length) return `${about}; none is dead or saturated.`;
  const more = bad.length > 6 ? `; and ${bad.length - 6} more` : '';
  return `${about}. ${bad.slice(0, 6).join('; ')}${more}.`;
}

/** All statistics. */
export function tableOf(found: Activations): Table {
  const rows = found.layers.map((layer, index) => [
    layer.name, layer.type, shape(layer.shape),
    ...(['mean', 'std', 'min', 'max'] as const).map(column => short(statistic(found, index, column))),
    percent(statistic(found, index, 'dead')), percent(statistic(found, index, 'saturated')), flags(found, index).join(', ')
  ]);
  return { caption: `Activations at step ${found.step}`, head: ['layer', 'type', 'shape', 'mean', 'std', 'min', 'max', 'dead', 'saturated', 'note'], rows };
}
