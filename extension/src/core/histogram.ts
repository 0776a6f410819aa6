/**
 * A histogram large enough to read: bars, zero, both ends, and, where they are known, mean and standard deviation.
 *
 * The small bars without any text are in canvas.ts; this is the picture that a click opens.
 */
import { Context, drawHistogram } from './canvas';
import { short } from './format';
import { Theme } from './theme';

export interface Distribution {
  counts: ArrayLike<number>;
  low: number;
  high: number;
  mean?: number;
  std?: number;
}

/** Height of the two lines of text under the bars. */
const FOOT = 16;
const HEAD = 14;

/** Where a value lies in a picture of some width; null when it is outside or there is no extent. */
export function place({ low, high }: Distribution, value: number, width: number): number | null {
  if (!(high > low) || !(value >= low && value <= high)) return null;
  return ((value - low) / (high - low)) * width;
}

export function drawDistribution(context: Context, what: Distribution, width: number, height: number, theme: Theme): void {
  const bottom = height - FOOT;
  drawHistogram(context, what.counts, { x: 0, y: HEAD, width, height: bottom - HEAD }, theme.accent);
  context.fillStyle = theme.line;
  context.fillRect(0, bottom, width, 1);
  context.font = `11px ${theme.font}`;
  context.textBaseline = 'middle';
  const ends: [string, CanvasTextAlign, number][] = [[short(what.low, 3), 'left', 0], [short(what.high, 3), 'right', width]];
  context.fillStyle = theme.muted;
  for (const [text, align, x] of ends) {
    context.textAlign = align;
    context.fillText(text, x, bottom + 9);
  }
  const zero = place(what, 0, width);
  if (zero !== null && zero > 34 && zero < width - 34) {
    context.textAlign = 'center';
    context.fillText('0', zero, bottom + 9);
  }
  if (zero !== null) context.fillRect(zero, bottom - 3, 1, 6);
  if (what.mean !== undefined) drawMean(context, what, width, theme);
}

/** Mean as a point, one standard deviation to both sides as a bar through it. */
function drawMean(context: Context, what: Distribution, width: number, theme: Theme): void {
  const { mean = NaN, std = NaN } = what;
  const x = place(what, mean, width);
  if (x === null) return;
  const half = (std / (what.high - what.low)) * width;
  context.fillStyle = theme.text;
  if (Number.isFinite(half)) context.fillRect(Math.max(0, x - half), 6, Math.min(width, x + half) - Math.max(0, x - half), 1.5);
  context.beginPath();
  context.arc(x, 6.75, 3.5, 0, 2 * Math.PI);
  context.fill();
}
