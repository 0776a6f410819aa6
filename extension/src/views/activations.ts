/**
 * Activations: what every layer puts out. One row a layer (distribution, dead and saturated shares); a click opens its
 * feature maps and its histogram in full.
 */
import { drawHistogram, paintBytes, prepare } from '../core/canvas';
import { button, h } from '../core/dom';
import { plural, shape, short } from '../core/format';
import { Table, viewFrame } from '../core/frame';
import { Activations, Store } from '../core/store';
import { themeOf } from '../core/theme';
import { View } from '../core/view';

const EMPTY_CODE = `wb.show.activations(run)        # of a run
wb.show.activations(model, x)   # of a model on a batch`;
const WIDTH = 6;
const [MEAN, STD, MIN, MAX, DEAD, SATURATED] = [0, 1, 2, 3, 4, 5];
const MANY_DEAD = 0.5;
const MANY_SATURATED = 0.4;

/** One statistic of a layer. */
export function statistic(found: Activations, layer: number, column: number): number {
  return found.stats[layer * WIDTH + column];
}

/** What is wrong with a layer, in words; empty when nothing is. */
export function flags(found: Activations, layer: number): string[] {
  const said: string[] = [];
  const dead = statistic(found, layer, DEAD);
  const saturated = statistic(found, layer, SATURATED);
  if (!Number.isFinite(statistic(found, layer, MEAN))) said.push('not a number');
  if (dead > MANY_DEAD) said.push(`${percent(dead)} of its units are dead`);
  if (saturated > MANY_SATURATED) said.push(`${percent(saturated)} saturated`);
  if (statistic(found, layer, STD) === 0) said.push('the same number everywhere');
  return said;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** The picture in a sentence. */
export function describe(found: Activations): string {
  const bad = found.layers.flatMap((layer, index) => flags(found, index).map(flag => `${layer.name}: ${flag}`));
  const about = `Outputs of ${plural(found.layers.length, 'layer')} at step ${found.step}`;
  return bad.length ? `${about}. ${bad.join('; ')}.` : `${about}; none is dead or saturated.`;
}

/** All statistics. */
export function tableOf(found: Activations): Table {
  const rows = found.layers.map((layer, index) => [
    layer.name, layer.type, shape(layer.shape),
    ...[MEAN, STD, MIN, MAX].map(column => short(statistic(found, index, column))),
    percent(statistic(found, index, DEAD)), percent(statistic(found, index, SATURATED))
  ]);
  return { caption: `Activations at step ${found.step}`, head: ['layer', 'type', 'shape', 'mean', 'std', 'min', 'max', 'dead', 'saturated'], rows };
}

export const mountActivations: View = (element, store) => {
  const view = new ActivationsView(element, store);
  return () => view.dispose();
};

class ActivationsView {
  private open: string | null = null;
  private filter = '';
  private readonly list = h('div', { class: 'wb-layers', role: 'group', 'aria-label': 'Layers' });
  private readonly detail = h('div', { class: 'wb-layer-detail' });
  private readonly search = h('input', { type: 'search', class: 'wb-search', placeholder: 'filter layers', 'aria-label': 'Filter layers by name' });
  private readonly frame;
  private readonly unsubscribe: () => void;

  constructor(element: HTMLElement, private readonly store: Store) {
    this.frame = viewFrame(element, {
      name: 'activations',
      title: 'Activations',
      draw: () => this.draw(),
      table: () => (store.run?.activations ? tableOf(store.run.activations) : { caption: 'no activations', head: [], rows: [] }),
      pictures: { png: () => this.detail.querySelector('canvas') }
    });
    this.frame.tools.append(this.search);
    this.frame.body.append(this.list, this.detail);
    this.search.addEventListener('input', () => {
      this.filter = this.search.value.toLowerCase();
      this.frame.schedule();
    });
    this.unsubscribe = store.subscribe(change => {
      if (change === 'activations' || change === 'selection' || change === 'runs') this.frame.schedule();
    });
    this.frame.schedule();
  }

  dispose(): void {
    this.unsubscribe();
    this.frame.dispose();
  }

  private draw(): void {
    const found = this.store.run?.activations;
    if (!found) {
      if (this.store.run) this.frame.empty('No layer has been looked at yet.', EMPTY_CODE);
      else this.frame.empty('Nothing to show yet. Run this in a cell:', EMPTY_CODE);
      return;
    }
    this.frame.clear();
    const shown = found.layers.map((layer, index) => ({ layer, index })).filter(({ layer }) => `${layer.name} ${layer.type}`.toLowerCase().includes(this.filter));
    if (!found.layers.some(layer => layer.name === this.open)) this.open = (found.maps[0] ?? found.layers[0]) && (found.maps[0]?.layer ?? found.layers[0].name);
    const focused = this.list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.layer : null;
    this.list.replaceChildren(...shown.map(({ index }) => this.row(found, index)));
    if (focused) [...this.list.querySelectorAll<HTMLElement>('button')].find(each => each.dataset.layer === focused)?.focus();
    const chosen = found.layers.findIndex(layer => layer.name === this.open);
    if (chosen >= 0) this.drawDetail(found, chosen);
    this.frame.sentence(describe(found));
  }

  private row(found: Activations, index: number): HTMLElement {
    const layer = found.layers[index];
    const spark = h('canvas', { class: 'wb-spark', 'aria-hidden': 'true' });
    const context = prepare(spark, 96, 22);
    if (context) drawHistogram(context, this.counts(found, index), { x: 0, y: 0, width: 96, height: 22 }, themeOf(this.list).accent);
    const bad = flags(found, index);
    const row = button('', () => {
      this.open = layer.name;
      this.frame.schedule();
    }, { class: 'wb-layer', 'data-layer': layer.name, 'aria-pressed': String(layer.name === this.open), title: layer.name });
    row.append(
      h('span', { class: 'wb-layer-name' }, layer.name),
      h('span', { class: 'wb-layer-type' }, `${layer.type} ${shape(layer.shape.slice(1))}`),
      spark,
      h('span', { class: 'wb-layer-numbers' }, `${short(statistic(found, index, MEAN), 3)} ± ${short(statistic(found, index, STD), 3)}`),
      h('span', { class: 'wb-layer-flags' }, bad.length ? `⚠ ${bad.join(', ')}` : '')
    );
    return row;
  }

  private counts(found: Activations, index: number): Uint32Array {
    return found.counts.subarray(index * found.bins, (index + 1) * found.bins);
  }

  private drawDetail(found: Activations, index: number): void {
    const layer = found.layers[index];
    const maps = found.maps.find(each => each.layer === layer.name);
    const histogram = h('canvas', { role: 'img', 'aria-label': `Distribution of ${layer.name}, from ${short(found.range[index * 2])} to ${short(found.range[index * 2 + 1])}` });
    const width = Math.max(200, Math.min(420, (this.list.clientWidth || 420) - 8));
    const context = prepare(histogram, width, 84);
    const theme = themeOf(this.list);
    if (context) {
      drawHistogram(context, this.counts(found, index), { x: 0, y: 0, width, height: 66 }, theme.accent);
      context.fillStyle = theme.muted;
      context.font = `11px ${theme.font}`;
      context.textBaseline = 'top';
      context.fillText(short(found.range[index * 2], 3), 0, 70);
      context.textAlign = 'right';
      context.fillText(short(found.range[index * 2 + 1], 3), width, 70);
    }
    this.detail.replaceChildren(h('h4', { class: 'wb-subtitle' }, `${layer.name} · ${layer.type} · ${shape(layer.shape)}`), histogram);
    if (!maps) return;
    const grid = h('div', { class: 'wb-maps' });
    for (let channel = 0; channel < maps.channels; channel++) {
      const size = maps.height * maps.width;
      const image = h('canvas', { class: 'wb-map', role: 'img', 'aria-label': `channel ${channel} of ${layer.name}` });
      paintBytes(image, maps.values.subarray(channel * size, (channel + 1) * size), maps.height, maps.width);
      const label = h('figcaption', {}, String(channel));
      image.addEventListener('mousemove', event => {
        const x = Math.min(maps.width - 1, Math.floor((event.offsetX / image.clientWidth) * maps.width));
        const y = Math.min(maps.height - 1, Math.floor((event.offsetY / image.clientHeight) * maps.height));
        label.textContent = `${channel}: ${short(maps.lo + (maps.values[channel * size + y * maps.width + x] / 255) * (maps.hi - maps.lo), 3)}`;
      });
      image.addEventListener('mouseleave', () => (label.textContent = String(channel)));
      grid.append(h('figure', {}, image, label));
    }
    const about = `feature maps of one sample: dark ${short(maps.lo, 3)}, bright ${short(maps.hi, 3)}`;
    this.detail.append(h('p', { class: 'wb-readout' }, about), grid);
  }
}
