/**
 * The drawings of the gradient-flow view: heat-map, its time axis, and the profile through the layers.
 *
 * They paint on a context and know nothing of elements, events or the store.
 */
import { Context, hatch } from '../core/canvas';
import { powerOfTen, short, shortName, withoutCommon } from '../core/format';
import { BROKEN, CIVIDIS, DIVERGING, css, shade } from '../core/palette';
import { GradientFlow } from '../core/store';
import { Theme } from '../core/theme';
import { Callout, Column, Kind, Limits, METRICS, Metric, broken, cellOf, columnsOf, value } from './gradflow-model';

export const SIGNS: Record<Kind, string> = { broken: '✕', exploding: '▲', vanishing: '▼', still: '○' };

const CHARACTER = 6.1;
const GUTTER = 20;
/** Height of a row, by the number of layers that it is for. */
const HEIGHTS: [most: number, height: number][] = [[24, 18], [34, 15], [Infinity, 13]];
/** Cells below this size have no room for an arrow. */
const ARROW = 7;

/** Where things are in the heat-map, in pixels. */
export interface Layout {
  width: number;
  left: number;
  /** names of the rows, as short as they must be */
  labels: string[];
  rowHeight: number;
  columns: Column[];
  /** width of a column */
  cell: number;
  height: number;
}

export function layoutOf(flow: GradientFlow, width: number): Layout {
  const most = Math.floor((Math.min(width * 0.36, 230) - 12) / CHARACTER);
  const labels = withoutCommon(flow.layers, most).map(name => shortName(name, most));
  const left = Math.round(Math.max(...labels.map(name => name.length)) * CHARACTER + 12);
  const columns = columnsOf(flow.steps.length, width - left - GUTTER);
  const rowHeight = HEIGHTS.find(([most]) => flow.layers.length <= most)![1];
  return { width, left, labels, rowHeight, columns, cell: (width - left - GUTTER) / columns.length, height: flow.layers.length * rowHeight };
}

/** The column under a horizontal position; null left or right of the map. */
export function columnAt(layout: Layout, x: number): number | null {
  const index = Math.floor((x - layout.left) / layout.cell);
  return index >= 0 && index < layout.columns.length ? index : null;
}

/** The column that holds a sample. */
export function columnOf(layout: Layout, sample: number): number {
  return Math.max(0, layout.columns.findIndex(({ from, to }) => sample >= from && sample < to));
}

export interface Picture {
  flow: GradientFlow;
  metric: Metric;
  limits: Limits;
  layout: Layout;
  theme: Theme;
  /** the picked cell */
  layer: number;
  sample: number;
  notes: Callout[];
}

/** Rows first..last (not included), the first one at the top of the context. */
export function drawHeatmap(context: Context, picture: Picture, first: number, last: number): void {
  const { layout, theme, layer } = picture;
  context.font = `11px ${theme.font}`;
  context.textBaseline = 'middle';
  for (let row = first; row < last; row++) {
    const top = (row - first) * layout.rowHeight;
    context.textAlign = 'right';
    context.fillStyle = row === layer ? theme.text : theme.muted;
    context.fillText(layout.labels[row], layout.left - 6, top + layout.rowHeight / 2);
    drawRow(context, picture, row, top);
    const note = picture.notes.find(each => each.layer === row);
    context.textAlign = 'center';
    context.fillStyle = theme.text;
    if (note) context.fillText(SIGNS[note.kind], layout.width - GUTTER / 2, top + layout.rowHeight / 2);
  }
  drawCursor(context, picture, first, last);
}

function drawRow(context: Context, { flow, metric, limits: [low, high], layout, theme }: Picture, row: number, top: number): void {
  const scale = METRICS[metric].middle === null ? CIVIDIS : DIVERGING;
  const height = layout.rowHeight - 1;
  layout.columns.forEach((column, index) => {
    const left = Math.round(layout.left + index * layout.cell);
    const width = Math.round(layout.left + (index + 1) * layout.cell) - left;
    const { power, broken } = cellOf(flow, metric, row, column);
    if (!broken && Number.isNaN(power)) return;
    context.fillStyle = css(broken ? BROKEN : shade(scale, (power - low) / (high - low)));
    context.fillRect(left, top, width, height);
    if (broken) hatch(context, left, top, width, height, theme);
    else if ((power > high + 1e-6 || power < low - 1e-6) && width >= ARROW) {
      drawArrow(context, left + width / 2, top + height / 2, power > high, scale === CIVIDIS && power > high ? '#000000' : '#ffffff');
    }
  });
}

/** A small triangle: the number lies outside of the colour scale. */
function drawArrow(context: Context, x: number, y: number, up: boolean, colour: string): void {
  const tip = up ? -2.5 : 2.5;
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x, y + tip);
  context.lineTo(x + 3, y - tip);
  context.lineTo(x - 3, y - tip);
  context.fill();
}

/** The picked cell: a frame that is seen on dark and bright cells alike. */
function drawCursor(context: Context, { layout, theme, layer, sample }: Picture, first: number, last: number): void {
  if (layer < first || layer >= last) return;
  const width = Math.max(7, layout.cell);
  const x = layout.left + (columnOf(layout, sample) + 0.5) * layout.cell - width / 2;
  const y = (layer - first) * layout.rowHeight;
  const frames: [string, number][] = [[theme.background, 4], [theme.text, 2]];
  for (const [colour, line] of frames) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(x, y, width, layout.rowHeight - 1);
  }
}

/** Columns that get a label, about one in 110 pixels, first and last included. */
export function axisColumns(layout: Layout): number[] {
  const last = layout.columns.length - 1;
  const amount = Math.max(1, Math.min(last, Math.floor((layout.cell * (last + 1)) / 110)));
  return [...new Set(Array.from({ length: amount + 1 }, (_, index) => Math.round((index * last) / amount)))];
}

/** Steps under the map, and the mark of the picked one. */
export function drawAxis(context: Context, { flow, layout, theme, sample }: Picture): void {
  context.font = `11px ${theme.font}`;
  context.textBaseline = 'middle';
  const labels = axisColumns(layout);
  labels.forEach((column, index) => {
    const x = layout.left + (column + 0.5) * layout.cell;
    context.fillStyle = theme.line;
    context.fillRect(x, 0, 1, 4);
    context.fillStyle = theme.muted;
    context.textAlign = index === 0 ? 'left' : index === labels.length - 1 ? 'right' : 'center';
    context.fillText(`${index ? '' : 'step '}${flow.steps[layout.columns[column].to - 1]}`, index === 0 ? layout.left : x + (index === labels.length - 1 ? layout.cell / 2 : 0), 12);
  });
  drawArrow(context, layout.left + (columnOf(layout, sample) + 0.5) * layout.cell, 2.5, true, theme.text);
}

/** The layer under a horizontal position of the profile. */
export function profileLayer(flow: GradientFlow, x: number, width: number): number {
  return Math.max(0, Math.min(flow.layers.length - 1, Math.floor(((x - PROFILE.left) / (width - PROFILE.left)) * flow.layers.length)));
}

const PROFILE = { left: 34, top: 6, foot: 16 };

/** One metric through the layers, input at the left: at the picked sample, and thin and dashed at the first one. */
export function drawProfile(context: Context, picture: Picture, width: number, height: number): void {
  const { flow, limits: [low, high], theme, layer, sample } = picture;
  const bottom = height - PROFILE.foot;
  const y = (power: number): number => bottom - ((Math.min(high, Math.max(low, power)) - low) / (high - low)) * (bottom - PROFILE.top);
  const x = (index: number): number => PROFILE.left + ((index + 0.5) / flow.layers.length) * (width - PROFILE.left);
  context.font = `11px ${theme.font}`;
  context.textBaseline = 'middle';
  for (const power of decades(low, high)) {
    context.fillStyle = theme.line;
    context.fillRect(PROFILE.left, y(power), width - PROFILE.left, 1);
    context.fillStyle = theme.muted;
    context.textAlign = 'right';
    context.fillText(powerOfTen(power), PROFILE.left - 5, y(power));
  }
  const trace = (at: number): void => {
    context.beginPath();
    let pen = false;
    flow.layers.forEach((_, index) => {
      const power = Math.log10(value(flow, picture.metric, index, at));
      const finite = Number.isFinite(power);
      if (finite && pen) context.lineTo(x(index), y(power));
      else if (finite) context.moveTo(x(index), y(power));
      pen = finite;
    });
    context.stroke();
  };
  context.strokeStyle = theme.muted;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  if (sample > 0) trace(0);
  context.setLineDash([]);
  context.strokeStyle = theme.accent;
  context.lineWidth = 2;
  trace(sample);
  drawPoints(context, picture, x, y);
  context.fillStyle = theme.muted;
  context.textAlign = 'left';
  context.fillText('input', PROFILE.left, bottom + 9);
  context.textAlign = 'right';
  context.fillText('output', width, bottom + 9);
  context.textAlign = 'center';
  context.fillStyle = theme.text;
  const inside = Math.min(width - 112, Math.max(PROFILE.left + 104, x(layer)));
  if (width > 270) context.fillText(shortName(picture.layout.labels[layer], 22), inside, bottom + 9);
}

function drawPoints(context: Context, { flow, metric, theme, layer, sample }: Picture, x: (index: number) => number, y: (power: number) => number): void {
  flow.layers.forEach((_, index) => {
    if (!broken(flow, index, sample)) return;
    context.fillStyle = css(BROKEN);
    context.textAlign = 'center';
    context.fillText('✕', x(index), PROFILE.top + 6);
  });
  const power = Math.log10(value(flow, metric, layer, sample));
  if (!Number.isFinite(power)) return;
  context.fillStyle = theme.background;
  context.strokeStyle = theme.text;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x(layer), y(power), 4, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
}

/** At most five whole powers of ten between two. */
export function decades(low: number, high: number): number[] {
  const from = Math.ceil(low);
  const stride = Math.max(1, Math.ceil((Math.floor(high) - from + 1) / 5));
  const found: number[] = [];
  for (let power = from; power <= high; power += stride) found.push(power);
  return found;
}

/** What stands at the two ends of the legend. */
export function legendEnds([low, high]: Limits): [string, string] {
  return [short(10 ** low, 2), short(10 ** high, 2)];
}
