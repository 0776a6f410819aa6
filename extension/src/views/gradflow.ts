/**
 * Gradient flow: layers by time, coloured by the size of their gradients.
 *
 * Rows are parameters from input to output, columns are samples. A click (or the arrow keys) picks one cell: its
 * histogram, and the sizes of all layers at that step. What needs a look is said in words above the picture.
 */
import { drawHistogram, elide, hatch, prepare } from '../core/canvas';
import { button, h } from '../core/dom';
import { short } from '../core/format';
import { viewFrame } from '../core/frame';
import { BROKEN, CIVIDIS_GRADIENT, cividis, css } from '../core/palette';
import { GradientFlow, Store } from '../core/store';
import { Theme, themeOf } from '../core/theme';
import { View } from '../core/view';
import { METRICS, Metric, broken, callouts, describe, range, tableOf, value } from './gradflow-model';

const EMPTY_CODE = `run = wb.fit(model, data, loss=loss)
wb.show.gradients(run)`;
const SIGNS = { vanishing: '▽', exploding: '△', broken: '✕', still: '○' };
const LABEL = 150;
const CHARACTER = 6.3;

export const mountGradflow: View = (element, store) => {
  const view = new GradflowView(element, store);
  return () => view.dispose();
};

class GradflowView {
  private metric: Metric = 'gradient';
  private chosen: { layer: number; sample: number | null } = { layer: 0, sample: null };
  private readonly map = h('canvas', { class: 'wb-heatmap', tabindex: 0 });
  private readonly scroller = h('div', { class: 'wb-scroller' }, this.map);
  private readonly notes = h('ul', { class: 'wb-callouts' });
  private readonly legend = h('div', { class: 'wb-legend' });
  private readonly caption = h('p', { class: 'wb-readout', 'aria-live': 'polite' });
  private readonly histogram = h('canvas', { class: 'wb-detail', 'aria-hidden': 'true' });
  private readonly profile = h('canvas', { class: 'wb-detail', 'aria-hidden': 'true' });
  private readonly frame;
  private readonly unsubscribe: () => void;
  private rowHeight = 18;

  constructor(element: HTMLElement, private readonly store: Store) {
    this.frame = viewFrame(element, {
      name: 'gradflow',
      title: 'Gradient flow',
      draw: () => this.draw(),
      table: () => (this.flow ? tableOf(this.flow) : { caption: 'no gradients', head: [], rows: [] }),
      pictures: { png: () => this.map }
    });
    this.frame.tools.append(...this.metricButtons());
    this.frame.body.append(this.notes, this.scroller, this.legend, this.caption, h('div', { class: 'wb-details' }, this.histogram, this.profile));
    this.frame.picture(this.map);
    this.map.addEventListener('click', event => this.pick(event));
    this.map.addEventListener('keydown', event => this.key(event));
    this.unsubscribe = store.subscribe(change => {
      if (change === 'selection') this.chosen = { layer: 0, sample: null };
      if (change === 'gradflow' || change === 'selection' || change === 'runs') this.frame.schedule();
    });
    this.frame.schedule();
  }

  dispose(): void {
    this.unsubscribe();
    this.frame.dispose();
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
    const theme = themeOf(this.map);
    const limits = range(flow, this.metric);
    this.drawMap(flow, theme, limits);
    this.drawNotes(flow);
    this.legend.replaceChildren(
      h('span', {}, `10^${limits[0].toFixed(1)}`), h('span', { class: 'wb-ramp', style: `background: ${CIVIDIS_GRADIENT}` }),
      h('span', {}, `10^${limits[1].toFixed(1)} ${METRICS[this.metric].title}`), h('span', {}, '▨ not a number'));
    this.drawDetails(flow, theme, limits);
    this.frame.sentence(describe(flow));
  }

  private geometry(flow: GradientFlow): { left: number; width: number; step: number } {
    const total = Math.max(260, this.scroller.clientWidth || 600);
    const left = Math.min(LABEL, total * 0.36);
    return { left, width: total, step: (total - left - 2) / flow.steps.length };
  }

  private drawMap(flow: GradientFlow, theme: Theme, [low, high]: [number, number]): void {
    const { left, width, step } = this.geometry(flow);
    this.rowHeight = flow.layers.length > 40 ? 12 : 18;
    const context = prepare(this.map, width, flow.layers.length * this.rowHeight + 16);
    if (!context) return;
    context.font = `11px ${theme.font}`;
    context.textBaseline = 'middle';
    flow.layers.forEach((name, layer) => {
      const top = layer * this.rowHeight;
      context.fillStyle = theme.text;
      context.textAlign = 'right';
      context.fillText(elide(name, Math.floor((left - 8) / CHARACTER)), left - 6, top + this.rowHeight / 2);
      flow.steps.forEach((_, sample) => {
        const power = Math.log10(value(flow, this.metric, layer, sample));
        const bad = broken(flow, layer, sample) > 0;
        if (!bad && Number.isNaN(power)) return;
        context.fillStyle = css(bad ? BROKEN : cividis((power - low) / (high - low)));
        context.fillRect(left + sample * step, top, Math.max(1, step + 0.5), this.rowHeight - 1);
        if (bad) hatch(context, left + sample * step, top, Math.max(1, step), this.rowHeight - 1, theme);
      });
    });
    context.fillStyle = theme.muted;
    context.textAlign = 'left';
    context.fillText(`step ${flow.steps[0]}`, left, flow.layers.length * this.rowHeight + 9);
    context.textAlign = 'right';
    context.fillText(`step ${flow.steps[flow.steps.length - 1]}`, width - 2, flow.layers.length * this.rowHeight + 9);
    context.strokeStyle = theme.text;
    context.lineWidth = 2;
    context.strokeRect(left + this.sample * step, this.chosen.layer * this.rowHeight, Math.max(4, step), this.rowHeight - 1);
  }

  private drawNotes(flow: GradientFlow): void {
    const found = callouts(flow);
    const shown = found.slice(0, 4).map(({ kind, layer, text }) => {
      const jump = button(`${SIGNS[kind]} ${text}`, () => this.choose(layer, this.chosen.sample), { class: 'wb-callout', 'data-kind': kind });
      return h('li', {}, jump);
    });
    if (found.length > shown.length) shown.push(h('li', {}, `and ${found.length - shown.length} more`));
    this.notes.replaceChildren(...shown);
    this.notes.hidden = !found.length;
  }

  private drawDetails(flow: GradientFlow, theme: Theme, [low, high]: [number, number]): void {
    const { layer } = this.chosen;
    const sample = this.sample;
    const width = Math.max(140, Math.min(340, (this.scroller.clientWidth || 600) / 2 - 10));
    const bars = prepare(this.histogram, width, 84);
    const [from, to] = [flow.range[sample][layer * 2], flow.range[sample][layer * 2 + 1]];
    if (bars) {
      drawHistogram(bars, flow.counts[sample].subarray(layer * flow.bins, (layer + 1) * flow.bins), { x: 0, y: 14, width, height: 54 }, theme.accent);
      this.labels(bars, theme, width, `gradients of ${elide(flow.layers[layer], 26)}`, short(from, 3), short(to, 3));
    }
    const line = prepare(this.profile, width, 84);
    if (line) {
      line.strokeStyle = theme.accent;
      line.lineWidth = 1.6;
      line.beginPath();
      flow.layers.forEach((_, index) => {
        const power = Math.log10(value(flow, this.metric, index, sample));
        if (!Number.isFinite(power)) return;
        const x = ((index + 0.5) / flow.layers.length) * width;
        line.lineTo(x, 68 - ((power - low) / (high - low)) * 52);
      });
      line.stroke();
      this.labels(line, theme, width, `${METRICS[this.metric].title} of every layer at step ${flow.steps[sample]}`, 'input', 'output');
    }
    const numbers = (['gradient', 'weight', 'ratio'] as const).map(metric => `${METRICS[metric].title} ${short(value(flow, metric, layer, sample))}`);
    const bad = broken(flow, layer, sample);
    this.caption.textContent = `${flow.layers[layer]} at step ${flow.steps[sample]}: ${numbers.join(' · ')}${bad ? ` · ${bad} not finite` : ''}`;
  }

  private labels(context: CanvasRenderingContext2D, theme: Theme, width: number, title: string, start: string, end: string): void {
    context.font = `11px ${theme.font}`;
    context.fillStyle = theme.muted;
    context.textBaseline = 'top';
    context.textAlign = 'left';
    context.fillText(title, 0, 0);
    context.fillText(start, 0, 71);
    context.textAlign = 'right';
    context.fillText(end, width, 71);
  }

  private pick(event: MouseEvent): void {
    const flow = this.flow;
    if (!flow) return;
    const { left, step } = this.geometry(flow);
    const layer = Math.floor(event.offsetY / this.rowHeight);
    const sample = Math.floor((event.offsetX - left) / step);
    if (layer < flow.layers.length) this.choose(layer, sample >= 0 ? sample : this.chosen.sample);
  }

  private key(event: KeyboardEvent): void {
    if (!this.flow) return;
    const { layer } = this.chosen;
    const moves: Record<string, [number, number]> = {
      ArrowUp: [layer - 1, this.sample], ArrowDown: [layer + 1, this.sample],
      ArrowLeft: [layer, this.sample - 1], ArrowRight: [layer, this.sample + 1]
    };
    if (event.key === 'Escape') this.choose(layer, null);
    else if (event.key in moves) this.choose(...moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private choose(layer: number, sample: number | null): void {
    const flow = this.flow!;
    const limit = (number: number, length: number): number => Math.max(0, Math.min(number, length - 1));
    this.chosen = { layer: limit(layer, flow.layers.length), sample: sample === null ? null : limit(sample, flow.steps.length) };
    this.frame.schedule();
  }
}
