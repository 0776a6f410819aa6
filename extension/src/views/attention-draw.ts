/**
 * The drawings of the attention view: the large map with its tokens, and curved lines from queries to keys.
 *
 * They paint on a context and know nothing of elements, events or the store.
 */
import { Context, elide } from '../core/canvas';
import { LINES_DARK, LINES_LIGHT } from '../core/lines';
import { Theme } from '../core/theme';
import { AttentionMap, Links, visible } from './attention-model';

/** From this many pixels a token on, its name fits beside it. */
const READABLE = 9;
const NAME = 72;
const BARE = 34;

/** Where the large map is: its corner and the size of one cell. */
export interface MapLayout {
  left: number;
  top: number;
  cellWidth: number;
  cellHeight: number;
  width: number;
  height: number;
  named: boolean;
}

export function mapLayout(map: AttentionMap, side: number): MapLayout {
  const most = Math.max(map.queries, map.keys);
  const named = (side - NAME) / most >= READABLE;
  const edge = named ? NAME : BARE;
  // Cells stay square; a map of few tokens does not grow into posters.
  const cell = Math.min((side - edge) / most, 34);
  return {
    left: edge, top: edge, cellWidth: cell, cellHeight: cell, named,
    width: edge + cell * map.keys + 1, height: edge + cell * map.queries + 1
  };
}

/** The cell under a place; null outside of the map. */
export function cellAt(map: AttentionMap, layout: MapLayout, x: number, y: number): { query: number; key: number } | null {
  const key = Math.floor((x - layout.left) / layout.cellWidth);
  const query = Math.floor((y - layout.top) / layout.cellHeight);
  return key >= 0 && query >= 0 && key < map.keys && query < map.queries ? { query, key } : null;
}

export interface Cursor {
  query: number;
  key: number | null;
}

export function drawMap(context: Context, image: CanvasImageSource, map: AttentionMap, layout: MapLayout, tokens: readonly string[], cursor: Cursor | null, theme: Theme): void {
  const { left, top, cellWidth, cellHeight } = layout;
  context.imageSmoothingEnabled = cellWidth < 1;
  context.drawImage(image, left, top, cellWidth * map.keys, cellHeight * map.queries);
  context.font = `${layout.named ? Math.min(12, Math.max(9, cellHeight * 0.8)) : 11}px ${theme.font}`;
  context.textBaseline = 'middle';
  for (const query of labelled(map.queries, layout)) {
    context.fillStyle = cursor?.query === query ? theme.text : theme.muted;
    context.textAlign = 'right';
    context.fillText(layout.named ? elide(visible(tokens, query), 10) : String(query), left - 5, top + (query + 0.5) * cellHeight);
  }
  for (const key of labelled(map.keys, layout)) {
    context.save();
    context.translate(left + (key + 0.5) * cellWidth, top - 5);
    context.rotate(layout.named ? -Math.PI / 2 : 0);
    context.textAlign = layout.named ? 'left' : 'center';
    context.fillStyle = cursor?.key === key ? theme.text : theme.muted;
    context.fillText(layout.named ? elide(visible(tokens, key), 10) : String(key), 0, layout.named ? 0 : -4);
    context.restore();
  }
  if (layout.named) {
    context.fillStyle = theme.muted;
    context.textAlign = 'right';
    context.fillText('key →', left - 5, top - 22);
    context.fillText('query ↓', left - 5, top - 8);
  }
  if (cursor) drawCursor(context, map, layout, cursor, theme);
}

/** All tokens where names fit, else about eight round numbers. */
export function labelled(count: number, { named }: MapLayout): number[] {
  if (named) return [...Array(count).keys()];
  const stride = [10, 20, 25, 50, 100, 200, 250, 500, 1000].find(each => count / each <= 9) ?? Math.ceil(count / 8);
  return Array.from({ length: Math.ceil(count / stride) }, (_, index) => index * stride);
}

/** The row of the query and the cell, framed so that they are seen on dark and bright cells alike. */
function drawCursor(context: Context, map: AttentionMap, { left, top, cellWidth, cellHeight }: MapLayout, { query, key }: Cursor, theme: Theme): void {
  const frame = (x: number, y: number, width: number, height: number): void => {
    const [outer, inner] = theme.dark ? ['#000000', '#ffffff'] : ['#ffffff', '#000000'];
    context.strokeStyle = outer;
    context.lineWidth = 3;
    context.strokeRect(x, y, width, height);
    context.strokeStyle = inner;
    context.lineWidth = 1.25;
    context.strokeRect(x, y, width, height);
  };
  frame(left, top + query * cellHeight, cellWidth * map.keys, Math.max(3, cellHeight));
  if (key !== null) frame(left + key * cellWidth, top + query * cellHeight, Math.max(4, cellWidth), Math.max(4, cellHeight));
}

/** Room for names: all tokens, or few of them with their places. */
const [SIDE, WIDE_SIDE] = [78, 108];
const ROW = 22;

/** Height that the links need at most `most`. */
export function linksHeight({ left, right }: Links, most: number): number {
  return Math.min(most, Math.max(left.length, right.length, 4) * ROW);
}

/** Queries at the left, keys at the right, a curve for every strong look; those of the chosen query stand out. */
export function drawLinks(context: Context, shown: Links, tokens: readonly string[], query: number | null, width: number, height: number, theme: Theme): void {
  const place = (list: number[], token: number): number => ((list.indexOf(token) + 0.5) / list.length) * height;
  const [plain, chosen] = theme.dark ? [LINES_DARK[0], LINES_DARK[1]] : [LINES_LIGHT[0], LINES_LIGHT[1]];
  const single = shown.left.length === 1;
  const side = single ? WIDE_SIDE : SIDE;
  // The chosen ones last, so that they lie on top.
  const ordered = [...shown.links].sort((a, b) => Number(a.query === query) - Number(b.query === query) || a.weight - b.weight);
  for (const link of ordered) {
    const own = query === null || link.query === query || single;
    const [from, to] = [place(shown.left, link.query), place(shown.right, link.key)];
    context.globalAlpha = own ? Math.min(1, 0.25 + link.weight * 1.1) : 0.1;
    context.strokeStyle = own && query !== null && !single ? chosen : plain;
    context.lineWidth = 0.75 + 4 * link.weight;
    context.beginPath();
    context.moveTo(side, from);
    context.bezierCurveTo(width / 2, from, width / 2, to, width - side, to);
    context.stroke();
  }
  context.globalAlpha = 1;
  drawNames(context, shown, tokens, query, width, height, theme, place);
}

function drawNames(context: Context, shown: Links, tokens: readonly string[], query: number | null, width: number, height: number, theme: Theme, heightOf: (list: number[], token: number) => number): void {
  const looked = new Map(shown.links.filter(link => link.query === query).map(({ key, weight }) => [key, weight]));
  const side = shown.left.length === 1 ? WIDE_SIDE : SIDE;
  const size = Math.min(12.5, Math.max(8, (height / Math.max(shown.left.length, shown.right.length)) * 0.8));
  context.textBaseline = 'middle';
  for (const [list, align, x] of [[shown.left, 'right', side - 6], [shown.right, 'left', width - side + 6]] as const) {
    for (const token of list) {
      const own = align === 'right' ? token === query : looked.has(token);
      context.font = `${own ? '600 ' : ''}${size}px ${theme.font}`;
      context.fillStyle = own || query === null ? theme.text : theme.muted;
      context.textAlign = align;
      const weight = align === 'left' ? looked.get(token) : undefined;
      // Where tokens are left out, a token needs its place.
      const place = shown.left.length === 1 ? ` (${token})` : '';
      const name = `${elide(visible(tokens, token), weight === undefined ? 10 : 6)}${place}`;
      context.fillText(weight === undefined ? name : `${name} ${weight.toFixed(2)}`, x, heightOf(list, token));
    }
  }
}
