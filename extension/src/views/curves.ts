/**
 * Curves: every scalar the loop reports, as it comes.
 *
 * Curves of one kind share a chart (loss with val_loss, accuracy with val_accuracy); charts share zoom and cursor.
 * Other runs can be laid over. Zooming asks the kernel for full resolution of the stretch.
 */
import { indexAt, smooth } from '../core/decimate';
import { button, h, setText, uniqueId } from '../core/dom';
import { count, plural, short } from '../core/format';
import { Table, viewFrame } from '../core/frame';
import { mark } from '../core/lines';
import { Change, RunData, Store } from '../core/store';
import { themeOf } from '../core/theme';
import { Transport, View } from '../core/view';
import { Chart, Line, Range } from './curves-chart';

const HEIGHT = 210;
const TABLE_ROWS = 200;
const OTHER_STREAMS = new Set<Change>(['graph', 'gradflow', 'activations', 'attention']);
const PREFIX = /^(val|valid|validation|train|training|test|eval)[_/ .-]/i;
const EMPTY_CODE = `import workbench as wb
run = wb.fit(model, data, loss=loss)

# or in your own loop:
run = wb.watch(model, optimizer)
run.step(loss=loss)   # once a step`;

/** Curve names by what they measure: validation and training of one metric belong together. */
export function groupNames(names: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const base = name.replace(PREFIX, '');
    groups.set(base, [...(groups.get(base) ?? []), name]);
  }
  return groups;
}

/** What happened to each curve, in a sentence. */
export function describe(run: RunData): string {
  const parts = run.series.names.flatMap(name => {
    const numbers = run.series.column(name).filter(value => !Number.isNaN(value));
    if (!numbers.length) return [];
    const first = numbers[0];
    const last = numbers[numbers.length - 1];
    if (numbers.length === 1 || first === last) return [`${name} is ${short(last)}`];
    return [`${name} ${last < first ? 'fell' : 'rose'} from ${short(first)} to ${short(last)}`];
  });
  const { steps } = run.series;
  return parts.length ? `${parts.join('; ')}; ${plural(steps[steps.length - 1], 'step')}.` : '';
}

/** Evenly chosen rows of a run, newest last. */
export function tableOf(run: RunData): Table {
  const { series } = run;
  const stride = Math.max(1, Math.ceil(series.length / TABLE_ROWS));
  const rows: (string | number)[][] = [];
  const columns = series.names.map(name => series.column(name));
  for (let index = (series.length - 1) % stride; index < series.length; index += stride) {
    rows.push([series.steps[index], ...columns.map(column => (Number.isNaN(column[index]) ? '' : short(column[index], 5)))]);
  }
  const caption = stride > 1 ? `${run.title}, one step in ${stride}` : run.title;
  return { caption, head: ['step', ...series.names], rows };
}

/** The values of every curve at a step, for the line under the charts. */
export function readout(runs: readonly RunData[], step: number): string {
  const parts = runs.map(run => {
    const values = run.series.names.flatMap(name => {
      const column = run.series.column(name);
      const index = indexAt(run.series.steps, column, step);
      return index < 0 ? [] : [`${name} ${short(column[index])}`];
    });
    return runs.length > 1 ? `${run.title}: ${values.join(', ')}` : values.join(' · ');
  });
  return `step ${count(step)} · ${parts.join(' | ')}`;
}

export const mountCurves: View = (element, store, transport) => {
  const view = new CurvesView(element, store, transport);
  return () => view.dispose();
};

class CurvesView {
  private charts = new Map<string, Chart>();
  private built = '';
  private logarithmic = false;
  private weight = 0;
  private zoom: Range | null = null;
  private cursor: number | null = null;
  private readonly grid = h('div', { class: 'wb-charts', tabindex: 0 });
  private readonly values = h('p', { class: 'wb-readout', 'aria-live': 'off' });
  private readonly others = h('div', { class: 'wb-compare', role: 'group', 'aria-label': 'Runs to compare', hidden: true });
  private readonly tools = this.makeTools();
  private readonly frame;
  private readonly unsubscribe: () => void;

  constructor(
    element: HTMLElement,
    private readonly store: Store,
    private readonly transport: Transport
  ) {
    this.frame = viewFrame(element, {
      name: 'curves',
      title: 'Curves',
      draw: () => this.draw(),
      table: () => (store.run ? tableOf(store.run) : { caption: 'no run', head: [], rows: [] }),
      pictures: { png: () => this.picture() }
    });
    this.frame.tools.append(...Object.values(this.tools));
    this.frame.body.append(this.others, this.grid, this.values);
    this.frame.picture(this.grid);
    this.grid.addEventListener('keydown', event => this.key(event));
    this.grid.addEventListener('mouseleave', () => this.hover(null));
    this.unsubscribe = store.subscribe((change, run) => {
      if (change === 'selection') this.zoom = null;
      const shown = run === null || run === store.run || store.compared.has(run.id);
      if (shown && !OTHER_STREAMS.has(change)) this.frame.schedule();
    });
    this.frame.schedule();
  }

  dispose(): void {
    this.unsubscribe();
    this.frame.dispose();
    this.clear();
  }

  private makeTools(): { log: HTMLElement; smoothing: HTMLElement; compare: HTMLButtonElement; reset: HTMLButtonElement } {
    const log = button('log y', () => {
      this.logarithmic = !this.logarithmic;
      log.setAttribute('aria-pressed', String(this.logarithmic));
      this.frame.schedule();
    }, { 'aria-pressed': 'false', 'data-wb-cmd': 'log', title: 'Logarithmic vertical axis' });
    const id = uniqueId('smooth');
    const slider = h('input', { type: 'range', id, class: 'wb-smooth', min: 0, max: 0.99, step: 0.01, value: 0 });
    slider.addEventListener('input', () => {
      this.weight = Number(slider.value);
      this.frame.schedule();
    });
    const smoothing = h('span', { class: 'wb-label' }, h('label', { for: id }, 'smooth'), slider);
    const compare = button('Compare', () => {
      this.others.hidden = !this.others.hidden;
      compare.setAttribute('aria-expanded', String(!this.others.hidden));
    }, { 'aria-expanded': 'false', 'data-wb-cmd': 'compare' });
    const reset = button('Whole run', () => this.setZoom(null), { 'data-wb-cmd': 'unzoom', title: 'Undo zoom (Escape)' });
    return { log, smoothing, compare, reset };
  }

  private runs(): RunData[] {
    const shown = this.store.run;
    const more = [...this.store.runs.values()].filter(run => run !== shown && this.store.compared.has(run.id) && run.series.length);
    return shown ? [shown, ...more] : [];
  }

  private draw(): void {
    const run = this.store.run;
    if (!run?.series.length) {
      this.clear();
      if (run) this.frame.empty(`“${run.title}” has not finished its first step yet.`);
      else this.frame.empty('No training run in this kernel yet. Run this in a cell:', EMPTY_CODE);
      return;
    }
    this.frame.clear();
    this.tools.reset.hidden = !this.zoom;
    this.fillCompare();
    const runs = this.runs();
    const theme = themeOf(this.grid);
    const groups = groupNames([...new Set(runs.flatMap(each => each.series.names))]);
    const lines = new Map([...groups].map(([title, names]) => [title, this.lines(runs, names, theme.dark)]));
    const shape = JSON.stringify([[...lines].map(([title, each]) => [title, each.map(line => [line.label, line.pale])]), this.logarithmic, theme]);
    const range = this.range(runs);
    if (shape !== this.built) this.build(shape, lines, range, theme);
    const marks = run.events.map(event => event.step).slice(-50);
    for (const [title, each] of lines) this.charts.get(title)?.update(each, range, marks);
    this.frame.sentence(describe(run));
    if (this.cursor === null) setText(this.values, '\u00a0');
  }

  /** Charts are built anew only when their lines, axes or colours change; numbers alone go through `update`. */
  private build(shape: string, lines: Map<string, Line[]>, range: Range, theme: ReturnType<typeof themeOf>): void {
    this.clear();
    this.built = shape;
    const boxes = [...lines.keys()].map(title => h('div', { class: 'wb-chart' }, h('div', { class: 'wb-chart-title' }, title)));
    this.grid.append(...boxes);
    [...lines].forEach(([title, each], index) => {
      const options = {
        title,
        height: HEIGHT,
        logarithmic: this.logarithmic,
        theme,
        onZoom: (zoom: Range | null) => this.setZoom(zoom),
        onHover: (step: number | null) => this.hover(step)
      };
      this.charts.set(title, new Chart(boxes[index], options, each, range));
    });
  }

  private clear(): void {
    this.charts.forEach(chart => chart.destroy());
    this.charts.clear();
    this.grid.replaceChildren();
    this.built = '';
  }

  private lines(runs: RunData[], names: string[], dark: boolean): Line[] {
    const lines: Line[] = [];
    runs.forEach(run => {
      for (const name of names) {
        const values = run.series.column(name);
        if (!values.length) continue;
        const label = runs.length > 1 ? `${name} · ${run.title}` : name;
        const style = mark(lines.filter(line => !line.pale).length, dark);
        const base = { label, steps: run.series.steps, mark: style };
        if (this.weight) lines.push({ ...base, values, pale: true });
        lines.push({ ...base, values: smooth(values, this.weight) });
      }
    });
    return lines;
  }

  private range(runs: RunData[]): Range {
    if (this.zoom) return this.zoom;
    const ends = runs.map(run => [run.series.steps[0], run.series.steps[run.series.length - 1]]);
    return { min: Math.min(...ends.map(end => end[0])), max: Math.max(...ends.map(end => end[1])) };
  }

  private setZoom(zoom: Range | null): void {
    this.zoom = zoom;
    if (zoom) for (const run of this.runs()) this.transport.send({ op: 'pull', run: run.id, lo: Math.floor(zoom.min), hi: Math.ceil(zoom.max) });
    this.frame.schedule();
  }

  private hover(step: number | null): void {
    this.cursor = step === null ? null : Math.round(step);
    setText(this.values, this.cursor === null ? '\u00a0' : readout(this.runs(), this.cursor));
  }

  private key(event: KeyboardEvent): void {
    const runs = this.runs();
    if (!runs.length) return;
    const { min, max } = this.range(runs);
    const jump = Math.max(1, Math.round((max - min) / 100));
    const from = this.cursor ?? max;
    const targets: Record<string, number> = { ArrowLeft: from - jump, ArrowRight: from + jump, Home: min, End: max };
    if (event.key === 'Escape' && this.zoom) this.setZoom(null);
    else if (event.key in targets) this.point(Math.min(max, Math.max(min, targets[event.key])));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** From the keyboard the numbers are spoken; under the mouse that would be a flood. */
  private point(step: number): void {
    this.values.setAttribute('aria-live', 'polite');
    this.charts.forEach(chart => chart.point(step));
    this.hover(step);
  }

  private fillCompare(): void {
    const candidates = [...this.store.runs.values()].filter(run => run !== this.store.run && run.series.length);
    this.tools.compare.hidden = !candidates.length;
    const key = JSON.stringify(candidates.map(run => [run.id, run.title]));
    if (this.others.dataset.key === key) return;
    this.others.dataset.key = key;
    this.others.replaceChildren(
      ...candidates.map(run => {
        const box = h('input', { type: 'checkbox', checked: this.store.compared.has(run.id) });
        box.addEventListener('change', () => {
          if (box.checked) this.store.compared.add(run.id);
          else this.store.compared.delete(run.id);
          this.frame.schedule();
        });
        return h('label', { class: 'wb-label' }, box, run.title);
      })
    );
  }

  /** All charts below one another. */
  private picture(): HTMLCanvasElement | null {
    const canvases = [...this.charts.values()].map(chart => chart.canvas);
    const canvas = h('canvas', { width: Math.max(0, ...canvases.map(each => each.width)), height: canvases.reduce((sum, each) => sum + each.height, 0) });
    const context = canvas.getContext('2d');
    if (!context || !canvases.length) return null;
    canvases.reduce((top, each) => (context.drawImage(each, 0, top), top + each.height), 0);
    return canvas;
  }
}
