/**
 * Activations: what every layer puts out. One row a layer (distribution, mean, dead and saturated shares); a click
 * opens its histogram in full and its feature maps.
 */
import { paintBytes, prepare } from '../core/canvas';
import { h, setText } from '../core/dom';
import { plural, shape, short } from '../core/format';
import { viewFrame } from '../core/frame';
import { drawDistribution } from '../core/histogram';
import { CIVIDIS_GRADIENT } from '../core/palette';
import { Activations, Store } from '../core/store';
import { themeOf } from '../core/theme';
import { View } from '../core/view';
import { channelRange, countsOf, describe, firstChoice, matching, statistic, tableOf } from './activations-model';
import { LayerRows } from './activations-rows';

const EMPTY_CODE = `wb.show.activations(run)        # of a run
wb.show.activations(model, x)   # of a model on a batch`;
const HISTOGRAM_HEIGHT = 120;
/** Flatter than this is drawn as strips across the whole width: the outputs of a layer without height. */
const STRIP = 8;

type Maps = Activations['maps'][number];

export const mountActivations: View = (element, store) => {
  const view = new ActivationsView(element, store);
  return () => view.dispose();
};

class ActivationsView {
  private open: string | null = null;
  private touched = false;
  private readonly rows = new LayerRows(name => {
    this.open = name;
    this.touched = true;
    this.frame.schedule();
  });
  private readonly more = h('p', { class: 'wb-readout', hidden: true });
  private readonly title = h('h4', { class: 'wb-subtitle' });
  private readonly histogram = h('canvas', { role: 'img' });
  private readonly about = h('p', { class: 'wb-readout' });
  private readonly legend = h('div', { class: 'wb-legend' });
  private readonly grid = h('div', { class: 'wb-maps' });
  private readonly detail = h('div', { class: 'wb-layer-detail' }, this.title, this.histogram, this.about, this.legend, this.grid);
  private readonly search = h('input', { type: 'search', class: 'wb-search', placeholder: 'filter layers', 'aria-label': 'Filter layers by name or type' });
  private readonly frame;
  private readonly unsubscribe: () => void;

  constructor(element: HTMLElement, private readonly store: Store) {
    this.frame = viewFrame(element, {
      name: 'activations',
      title: 'Activations',
      draw: () => this.draw(),
      table: () => (store.run?.activations ? tableOf(store.run.activations) : { caption: 'no activations', head: [], rows: [] }),
      pictures: { png: () => this.saved() }
    });
    this.frame.tools.append(this.search);
    const head = h('div', { class: 'wb-layer-head', 'aria-hidden': 'true' }, ...['layer', 'distribution', 'mean ± std', 'dead', 'saturated'].map(text => h('span', {}, text)));
    this.frame.body.append(h('div', { class: 'wb-split' }, h('div', { class: 'wb-layer-list' }, head, this.rows.root, this.more), this.detail));
    this.search.addEventListener('input', () => this.frame.schedule());
    this.unsubscribe = store.subscribe(change => {
      if (change === 'selection') this.touched = false;
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
    if (!found?.layers.length) {
      if (this.store.run) this.frame.empty('No layer has been looked at yet.', EMPTY_CODE);
      else this.frame.empty('Nothing to show yet. Run this in a cell:', EMPTY_CODE);
      return;
    }
    this.frame.clear();
    if (!this.touched || !found.layers.some(layer => layer.name === this.open)) this.open = firstChoice(found);
    const { shown, more } = matching(found, this.search.value);
    this.rows.update(found, shown, this.open);
    this.more.hidden = !more && shown.length > 0;
    setText(this.more, shown.length ? `and ${plural(more, 'layer')} more: filter by name to see them` : 'no layer of that name');
    this.drawDetail(found, found.layers.findIndex(layer => layer.name === this.open));
    this.frame.sentence(describe(found));
  }

  private drawDetail(found: Activations, index: number): void {
    const layer = found.layers[index];
    const [low, high] = found.range.subarray(index * 2, index * 2 + 2);
    const width = Math.max(180, this.detail.clientWidth || 420);
    setText(this.title, `${layer.name} · ${layer.type} · ${shape(layer.shape)}`);
    const context = prepare(this.histogram, width, HISTOGRAM_HEIGHT);
    const [mean, std] = [statistic(found, index, 'mean'), statistic(found, index, 'std')];
    if (context) drawDistribution(context, { counts: countsOf(found, index), low, high, mean, std }, width, HISTOGRAM_HEIGHT, themeOf(this.detail));
    const words = `from ${short(statistic(found, index, 'min'))} to ${short(statistic(found, index, 'max'))}, mean ${short(mean)}, standard deviation ${short(std)}`;
    this.histogram.setAttribute('aria-label', `Distribution of ${layer.name}: ${words}`);
    const maps = found.maps.find(each => each.layer === layer.name);
    setText(this.about, maps ? words : `${words}. Feature maps are shown for layers with height and width.`);
    this.legend.hidden = this.grid.hidden = !maps;
    if (maps) this.drawMaps(maps);
  }

  private drawMaps(maps: Maps): void {
    this.legend.replaceChildren(
      h('span', {}, `${plural(maps.channels, 'channel')} of one sample, ${maps.height} × ${maps.width}`),
      h('span', {}, short(maps.lo, 3)), h('span', { class: 'wb-ramp', style: `background: ${CIVIDIS_GRADIENT}` }), h('span', {}, short(maps.hi, 3)));
    const key = [maps.layer, maps.channels, maps.height, maps.width].join('/');
    if (this.grid.dataset.key !== key) {
      this.grid.dataset.key = key;
      this.grid.classList.toggle('wb-strips', maps.width > maps.height * STRIP);
      this.grid.replaceChildren(...Array.from({ length: maps.channels }, (_, channel) => this.figure(channel)));
    }
    this.maps = maps;
    [...this.grid.children].forEach((figure, channel) => this.paint(maps, channel, figure));
  }

  private maps: Maps | null = null;

  private paint(maps: Maps, channel: number, figure: Element): void {
    const size = maps.height * maps.width;
    const values = maps.values.subarray(channel * size, (channel + 1) * size);
    const [image, caption] = figure.children;
    const { low, high, mean } = channelRange(values, maps.lo, maps.hi);
    const flat = low === high;
    paintBytes(image as HTMLCanvasElement, values, maps.height, maps.width);
    image.setAttribute('aria-label', `channel ${channel}: ${flat ? `${short(mean, 3)} everywhere` : `from ${short(low, 3)} to ${short(high, 3)}, mean ${short(mean, 3)}`}`);
    figure.setAttribute('title', image.getAttribute('aria-label')!);
    setText(caption, flat ? `${channel} · flat` : String(channel));
  }

  private figure(channel: number): HTMLElement {
    const image = h('canvas', { class: 'wb-map', role: 'img' });
    const caption = h('figcaption');
    const figure = h('figure', {}, image, caption);
    image.addEventListener('mousemove', event => {
      const maps = this.maps;
      if (!maps) return;
      const within = (offset: number, extent: number, count: number): number => Math.max(0, Math.min(count - 1, Math.floor((offset / extent) * count)));
      const column = within(event.offsetX, image.clientWidth, maps.width);
      const row = within(event.offsetY, image.clientHeight, maps.height);
      const value = maps.values[(channel * maps.height + row) * maps.width + column];
      setText(caption, `(${row}, ${column}) ${short(maps.lo + (value / 255) * (maps.hi - maps.lo), 3)}`);
    });
    image.addEventListener('mouseleave', () => this.maps && this.paint(this.maps, channel, figure));
    return figure;
  }

  /** The histogram over the feature maps of the open layer, as one picture. */
  private saved(): HTMLCanvasElement | null {
    const images = this.grid.hidden ? [] : [...this.grid.querySelectorAll('canvas')];
    const canvas = document.createElement('canvas');
    const width = this.histogram.clientWidth;
    const side = 72;
    const across = Math.max(1, Math.floor(width / side));
    const context = prepare(canvas, width, HISTOGRAM_HEIGHT + Math.ceil(images.length / across) * side);
    if (!context) return null;
    context.drawImage(this.histogram, 0, 0, width, HISTOGRAM_HEIGHT);
    context.imageSmoothingEnabled = false;
    images.forEach((image, index) => {
      context.drawImage(image, (index % across) * side, HISTOGRAM_HEIGHT + Math.floor(index / across) * side + 6, side - 6, side - 6);
    });
    return canvas;
  }
}
