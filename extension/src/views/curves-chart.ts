/**
 * One chart of the curves view: uPlot, with the names written at the ends of the lines instead of in a legend.
 *
 * It gets lines and a range of steps; which lines share a chart, zoom and smoothing are decided in curves.ts.
 */
import uPlot from 'uplot';
import { decimate } from '../core/decimate';
import { count, short } from '../core/format';
import { Mark } from '../core/lines';
import { Theme } from '../core/theme';

/** One line of a chart. A pale one is drawn behind and has no name at its end. */
export interface Line {
  label: string;
  steps: Float64Array;
  values: Float32Array;
  mark: Mark;
  pale?: boolean;
}

export interface Range {
  min: number;
  max: number;
}

export interface ChartOptions {
  title: string;
  height: number;
  logarithmic: boolean;
  theme: Theme;
  /** a person dragged a range of steps; null asks for everything */
  onZoom: (range: Range | null) => void;
  /** the pointer is over a step; null when it has left */
  onHover: (step: number | null) => void;
}

const LABEL_LIMIT = 120;
const FONT_SIZE = 11;

export class Chart {
  readonly canvas: HTMLCanvasElement;
  private plot: uPlot;
  private lines: Line[];
  private marks: number[] = [];

  constructor(
    private readonly element: HTMLElement,
    private readonly options: ChartOptions,
    lines: Line[],
    range: Range
  ) {
    this.lines = lines;
    this.plot = new uPlot(this.plotOptions(), this.data(range), element);
    this.canvas = this.plot.ctx.canvas;
    this.rescale(range);
    this.plot.over.addEventListener('dblclick', () => options.onZoom(null));
  }

  /** New numbers for the same lines. `marks` are steps where something happened. */
  update(lines: Line[], range: Range, marks: number[]): void {
    this.lines = lines;
    this.marks = marks;
    const { width } = this.size();
    if (Math.abs(width - this.plot.width) > 1) this.plot.setSize(this.size());
    this.plot.setData(this.data(range), false);
    this.rescale(range);
  }

  /** Moves the cursor to a step, from the keyboard. */
  point(step: number): void {
    this.plot.setCursor({ left: this.plot.valToPos(step, 'x'), top: this.plot.over.clientHeight / 2 });
  }

  destroy(): void {
    this.plot.destroy();
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(200, this.element.clientWidth || 400), height: this.options.height };
  }

  private rescale(range: Range): void {
    this.plot.setScale('x', range.min < range.max ? range : { min: range.min - 0.5, max: range.min + 0.5 });
  }

  private data(range: Range): uPlot.AlignedData {
    const columns = this.size().width;
    const positive = (y: Float32Array): (number | null)[] =>
      Array.from(y, value => (Number.isFinite(value) && (!this.options.logarithmic || value > 0) ? value : null));
    const tables = this.lines.map(({ steps, values }) => {
      const { x, y } = decimate(steps, values, range.min, range.max, columns);
      return [Array.from(x), positive(y)] as uPlot.AlignedData;
    });
    return tables.length === 1 ? tables[0] : uPlot.join(tables);
  }

  private plotOptions(): uPlot.Options {
    const { theme, logarithmic } = this.options;
    const font = `${FONT_SIZE}px ${theme.font}`;
    const axis = {
      stroke: theme.muted,
      font,
      labelFont: font,
      grid: { stroke: theme.line, width: 0.5 },
      ticks: { stroke: theme.line, width: 0.5, size: 4 }
    };
    return {
      ...this.size(),
      padding: [10, this.labelWidth(font), 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, sync: { key: 'wb-curves', setSeries: false } },
      scales: { x: { time: false }, y: logarithmic ? { distr: 3, log: 10 } : {} },
      axes: [
        { ...axis, size: 24, gap: 4, space: 44, values: (_, splits) => splits.map(step => (Number.isInteger(step) ? count(step) : '')) },
        { ...axis, size: 52, gap: 4, values: (_, splits) => splits.map(value => (value === null ? '' : short(value, 3))) }
      ],
      series: [{}, ...this.lines.map(line => this.series(line))],
      hooks: {
        draw: [plot => this.annotate(plot)],
        setSelect: [plot => this.select(plot)],
        setCursor: [
          plot => {
            const { left } = plot.cursor;
            this.options.onHover(left === undefined || left < 0 ? null : plot.posToVal(left, 'x'));
          }
        ]
      }
    };
  }

  /** A dragged stretch becomes the range of all charts, and the grey box goes. */
  private select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 3) return;
    const range = { min: plot.posToVal(left, 'x'), max: plot.posToVal(left + width, 'x') };
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.options.onZoom(range);
  }

  private series({ mark, pale }: Line): uPlot.Series {
    return {
      stroke: mark.colour,
      width: pale ? 1 : 2,
      alpha: pale ? 0.3 : 1,
      dash: pale ? undefined : mark.dash,
      spanGaps: true,
      points: { show: (plot, index) => !pale && sparse(plot.data[index]), size: 5 }
    };
  }

  private labelWidth(font: string): number {
    const context = document.createElement('canvas').getContext('2d');
    if (!context) return LABEL_LIMIT;
    context.font = font;
    const widths = this.lines.filter(line => !line.pale).map(line => context.measureText(line.label).width);
    return Math.min(LABEL_LIMIT, this.size().width / 4, Math.max(...widths, 20)) + 10;
  }

  /** Names at the ends of the lines, and hairlines at the marked steps. */
  private annotate(plot: uPlot): void {
    const { ctx, bbox } = plot;
    const { theme } = this.options;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.strokeStyle = theme.muted;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    ctx.lineWidth = ratio;
    for (const step of this.marks) {
      const x = plot.valToPos(step, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.font = `${FONT_SIZE * ratio}px ${theme.font}`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'left';
    const room = plot.width * ratio - bbox.left - bbox.width - 8 * ratio;
    for (const { y, line } of this.labelPlaces(plot)) {
      ctx.fillStyle = line.mark.colour;
      ctx.fillText(fit(ctx, line.label, room), bbox.left + bbox.width + 5 * ratio, y);
    }
    ctx.restore();
  }

  /** Heights of the names, pushed apart where they would overlap. */
  private labelPlaces(plot: uPlot): { y: number; line: Line }[] {
    const { top, height } = plot.bbox;
    const gap = (FONT_SIZE + 2) * uPlot.pxRatio;
    const places = this.lines
      .map((line, index) => ({ line, value: lastNumber(plot.data[index + 1]) }))
      .filter(({ line, value }) => !line.pale && value !== null)
      .map(({ line, value }) => ({ line, y: Math.min(top + height, Math.max(top, plot.valToPos(value!, 'y', true))) }))
      .sort((one, other) => one.y - other.y);
    for (let index = 1; index < places.length; index++) places[index].y = Math.max(places[index].y, places[index - 1].y + gap);
    const excess = places.length ? Math.max(0, places[places.length - 1].y - top - height) : 0;
    return places.map(place => ({ ...place, y: place.y - excess }));
  }
}

function lastNumber(column: ArrayLike<number | null | undefined>): number | null {
  for (let index = column.length - 1; index >= 0; index--) {
    const value = column[index];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
  }
  return null;
}

function fit(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > room) length--;
  return `${text.slice(0, length)}…`;
}

/** Few enough values that the line alone might not be seen. */
function sparse(column: ArrayLike<number | null | undefined>): boolean {
  let numbers = 0;
  for (let index = 0; index < column.length && numbers < 12; index++) if (typeof column[index] === 'number') numbers++;
  return numbers < 12;
}
