/**
 * Gradient flow: layers by time, coloured by the size of their gradients.
 *
 * Rows are parameters from input to output, columns are samples. A click (or the arrow keys) picks one cell: its
 * histogram, and the sizes of all layers at that step. What needs a look is said in words above the picture and by a
 * sign beside its row. Only the rows in sight are painted, so that a thousand layers scroll like ten.
 */
import { prepare } from '../core/canvas';
import { button, h } from '../core/dom';
import { viewFrame } from '../core/frame';
import { drawDistribution } from '../core/histogram';
import { CIVIDIS_GRADIENT, DIVERGING_GRADIENT } from '../core/palette';
import { GradientFlow, Store } from '../core/store';
import { themeOf } from '../core/theme';
import { View } from '../core/view';
import { Picture, SIGNS, columnAt, drawAxis, drawHeatmap, drawProfile, layoutOf, legendEnds, profileLayer } from './gradflow-draw';
import { Callout, Limits, METRICS, Metric, callouts, describe, describeCell, grouped, range, tableOf } from './gradflow-model';

const EMPTY_CODE = `run = wb.fit(model, data, loss=loss)
wb.show.gradients(run)`;
/** Rows of a saved picture. */
const MOST_SAVED = 400;
const MOST_HEIGHT = 440;
const CARD_HEIGHT = 118;
const AXIS_HEIGHT = 20;

export const mountGradflow: View = (element, store) => {
  const view = new GradflowView(element, store);
  return () => view.dispose();
};

interface Analysis {
  flow: GradientFlow;
  key: string;
  notes: Callout[];
  limits: Limits;
  sentence: string;
}

class GradflowView {
  private metric: Metric = 'gradient';
  /** sample null: the newest, whatever comes */
  private chosen: { layer: number; sample: number | null } = { layer: 0, sample: null };
  private touched = false;
  private picture: Picture | null = null;
  private analysis: Analysis | null = null;
  private readonly map = h('canvas', { class: 'wb-heatmap', tabindex: 0 });
  private readonly extent = h('div', { class: 'wb-extent' }, this.map);
  private readonly scroller = h('div', { class: 'wb-scroller' }, this.extent);
  private readonly axis = h('canvas', { class: 'wb-axis', 'aria-hidden': 'true' });
  private readonly tip = h('div', { class: 'wb-tip', hidden: true, 'aria-hidden': 'true' });
  private readonly notes = h('ul', { class: 'wb-callouts' });
  private readonly legend = h('div', { class: 'wb-legend' });
  private readonly readout = h('p', { class: 'wb-readout', 'aria-live': 'polite' });
  private readonly histogram = h('canvas', { 'aria-hidden': 'true' });
  private readonly profile = h('canvas', { class: 'wb-pick', 'aria-hidden': 'true' });
  private readonly titles = [h('h4', { class: 'wb-subtitle' }), h('h4', { class: 'wb-subtitle' })];
  private readonly frame;
  private readonly unsubscribe: () => void;

  constructor(element: HTMLElement, private readonly store: Store) {
    this.frame = viewFrame(element, {
      name: 'gradflow',
      title: 'Gradient flow',
      draw: () => this.draw(),
      table: () => (this.flow ? tableOf(this.flow, this.sample) : { caption: 'no gradients', head: [], rows: [] }),
      pictures: { png: () => this.saved() }
    });
    this.frame.tools.append(...this.metricButtons());
    const cards = [this.histogram, this.profile].map((canvas, index) => h('div', { class: 'wb-card' }, this.titles[index], canvas));
    this.frame.body.append(this.notes, this.scroller, this.axis, this.legend, this.readout, h('div', { class: 'wb-cards' }, ...cards), this.tip);
    this.frame.picture(this.map);
    this.listen();
    this.unsubscribe = store.subscribe(change => {
      if (change === 'selection') {
        this.chosen = { layer: 0, sample: null };
        this.touched = false;
      }
      if (change === 'gradflow' || change === 'selection' || change === 'runs') this.frame.schedule();
    });
    this.frame.schedule();
  }

  dispose(): void {
    this.unsubscribe();
    this.frame.dispose();
  }

  private listen(): void {
    this.map.addEventListener('click', event => {
      const cell = this.cellAt(event);
      if (cell) this.choose(cell.layer, cell.sample ?? this.chosen.sample);
    });
    this.map.addEventListener('mousemove', event => this.hover(event));
    this.map.addEventListener('mouseleave', () => (this.tip.hidden = true));
    this.map.addEventListener('keydown', event => this.key(event));
    this.scroller.addEventListener('scroll', () => this.drawMap());
    this.profile.addEventListener('click', event => {
      if (this.flow) this.choose(profileLayer(this.flow, event.offsetX, this.profile.clientWidth), this.chosen.sample);
    });
  }

  private get flow(): GradientFlow | null {
    const flow = this.store.run?.gradflow;
    return flow?.steps.length ? flow : null;
  }

  /** The chosen sample; the newest until a person picks one. */
  private get sample(): number {
    const last = this.flow!.steps.length - 1;
    return Math.min(this.chosen.sample ?? last, last);
  }

  private metricButtons(): HTMLElement[] {
    const buttons = (Object.keys(METRICS) as Metric[]).map(metric => {
      const each = button(METRICS[metric].title, () => {
        this.metric = metric;
        buttons.forEach(other => other.setAttribute('aria-pressed', String(other === each)));
        this.frame.schedule();
      }, { 'aria-pressed': String(metric === this.metric), 'data-wb-cmd': `metric-${metric}` });
      return each;
    });
    return buttons;
  }

  private draw(): void {
    const flow = this.flow;
    if (!flow) {
      if (this.store.run) this.frame.empty('No gradients have been looked at yet: they come with the first training steps.');
      else this.frame.empty('Nothing to show yet. Run this in a cell:', EMPTY_CODE);
      return;
    }
    this.frame.clear();
    const { notes, limits, sentence } = this.analysed(flow);
    // Until someone picks a cell, the layer that most needs a look is open.
    if (!this.touched) this.chosen.layer = notes[0]?.layer ?? 0;
    this.chosen.layer = Math.min(this.chosen.layer, flow.layers.length - 1);
    this.picture = {
      flow, notes, limits, metric: this.metric, theme: themeOf(this.map), layer: this.chosen.layer, sample: this.sample,
      layout: layoutOf(flow, Math.max(240, this.scroller.clientWidth || 640))
    };
    this.drawMap();
    this.drawWords(this.picture);
    this.drawCards(this.picture);
    this.frame.sentence(sentence);
  }

  /** What the numbers say, found once for each arrival: a cursor that moves must not sort a thousand layers again. */
  private analysed(flow: GradientFlow): Analysis {
    const key = `${this.metric}/${flow.steps.length}/${flow.steps[flow.steps.length - 1]}`;
    if (this.analysis?.flow !== flow || this.analysis.key !== key) {
      const notes = callouts(flow);
      this.analysis = { flow, key, notes, limits: range(flow, this.metric), sentence: describe(flow, notes) };
    }
    return this.analysis;
  }

  /** Rows in sight, first and one past the last. */
  private rows({ layout, flow }: Picture): [number, number] {
    const first = Math.min(Math.floor(this.scroller.scrollTop / layout.rowHeight), flow.layers.length - 1);
    return [first, Math.min(flow.layers.length, first + Math.ceil(Math.min(layout.height, MOST_HEIGHT) / layout.rowHeight) + 1)];
  }

  private drawMap(): void {
    const picture = this.picture;
    if (!picture) return;
    const { layout } = picture;
    const [first, last] = this.rows(picture);
    this.extent.style.height = `${layout.height}px`;
    const context = prepare(this.map, layout.width, (last - first) * layout.rowHeight);
    // Whole rows only: the canvas stands at the first one.
    this.map.style.top = `${first * layout.rowHeight}px`;
    if (context) drawHeatmap(context, picture, first, last);
    const axis = prepare(this.axis, layout.width, AXIS_HEIGHT);
    if (axis) drawAxis(axis, picture);
  }

  private drawWords({ flow, notes, limits, metric }: Picture): void {
    this.notes.replaceChildren(...grouped(notes).map(({ kind, layer, sample, text }) =>
      h('li', {}, button(`${SIGNS[kind]} ${text}`, () => this.choose(layer, sample), { class: 'wb-callout', 'data-kind': kind }))));
    this.notes.hidden = !notes.length;
    const [low, high] = legendEnds(limits);
    const { title, middle } = METRICS[metric];
    const gradient = middle === null ? CIVIDIS_GRADIENT : DIVERGING_GRADIENT;
    this.legend.replaceChildren(
      h('span', {}, title), h('span', {}, low), h('span', { class: 'wb-ramp', style: `background: ${gradient}` }), h('span', {}, high),
      ...(middle === null ? [] : [h('span', {}, 'white: 1e−3, the usual size of an update')]),
      h('span', { class: 'wb-swatch', 'aria-hidden': 'true' }), h('span', {}, 'NaN or Inf'), h('span', {}, 'empty: none'));
    this.readout.textContent = describeCell(flow, this.chosen.layer, this.sample);
  }

  private drawCards(picture: Picture): void {
    const { flow, layer, sample, theme, metric } = picture;
    this.titles[0].textContent = `Gradients of ${flow.layers[layer]}`;
    this.titles[1].textContent = `${capital(METRICS[metric].title)} through the layers, step ${flow.steps[sample]}${sample ? ` (dashed: ${flow.steps[0]})` : ''}`;
    const width = (canvas: HTMLElement): number => Math.max(200, canvas.parentElement?.clientWidth || 300);
    const bars = prepare(this.histogram, width(this.histogram), CARD_HEIGHT);
    const counts = flow.counts[sample].subarray(layer * flow.bins, (layer + 1) * flow.bins);
    const [low, high] = flow.range[sample].subarray(layer * 2, layer * 2 + 2);
    if (bars) drawDistribution(bars, { counts, low, high }, width(this.histogram), CARD_HEIGHT, theme);
    const line = prepare(this.profile, width(this.profile), CARD_HEIGHT);
    if (line) drawProfile(line, picture, width(this.profile), CARD_HEIGHT);
  }

  /** The whole map with its axis on one canvas, whatever is scrolled. */
  private saved(): HTMLCanvasElement | null {
    const picture = this.picture;
    if (!picture) return null;
    const canvas = document.createElement('canvas');
    const rows = Math.min(picture.flow.layers.length, MOST_SAVED);
    const height = rows * picture.layout.rowHeight;
    const context = prepare(canvas, picture.layout.width, height + AXIS_HEIGHT);
    if (!context) return null;
    drawHeatmap(context, picture, 0, rows);
    context.translate(0, height);
    drawAxis(context, picture);
    return canvas;
  }

  private cellAt(event: MouseEvent): { layer: number; sample: number | null } | null {
    if (!this.picture) return null;
    const { layout, flow } = this.picture;
    const layer = this.rows(this.picture)[0] + Math.floor(event.offsetY / layout.rowHeight);
    const column = columnAt(layout, event.offsetX);
    if (layer >= flow.layers.length) return null;
    return { layer, sample: column === null ? null : layout.columns[column].to - 1 };
  }

  private hover(event: MouseEvent): void {
    const cell = this.cellAt(event);
    const flow = this.flow;
    this.tip.hidden = !cell || !flow;
    if (!cell || !flow) return;
    this.tip.textContent = cell.sample === null ? flow.layers[cell.layer] : describeCell(flow, cell.layer, cell.sample);
    const box = this.frame.body.getBoundingClientRect();
    const left = Math.min(event.clientX - box.left + 12, box.width - this.tip.offsetWidth - 4);
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${event.clientY - box.top + 18}px`;
  }

  private key(event: KeyboardEvent): void {
    const flow = this.flow;
    if (!flow) return;
    const { layer } = this.chosen;
    const moves: Record<string, [number, number | null]> = {
      ArrowUp: [layer - 1, this.chosen.sample], ArrowDown: [layer + 1, this.chosen.sample],
      ArrowLeft: [layer, this.sample - 1], ArrowRight: [layer, this.sample + 1],
      Home: [layer, 0], End: [layer, null], Escape: [layer, null],
      PageUp: [layer - 10, this.chosen.sample], PageDown: [layer + 10, this.chosen.sample]
    };
    if (!(event.key in moves)) return;
    this.choose(...moves[event.key]);
    event.preventDefault();
    event.stopPropagation();
  }

  private choose(layer: number, sample: number | null): void {
    const flow = this.flow;
    if (!flow) return;
    const limit = (number: number, length: number): number => Math.max(0, Math.min(number, length - 1));
    this.chosen = { layer: limit(layer, flow.layers.length), sample: sample === null ? null : limit(sample, flow.steps.length) };
    this.touched = true;
    this.tip.hidden = true;
    this.reveal();
    this.frame.schedule();
  }

  /** Scrolls the chosen row into sight. */
  private reveal(): void {
    if (!this.picture) return;
    const { rowHeight } = this.picture.layout;
    const top = this.chosen.layer * rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (clientHeight && top + rowHeight > scrollTop + clientHeight) this.scroller.scrollTop = top + rowHeight - clientHeight;
  }
}

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1);
