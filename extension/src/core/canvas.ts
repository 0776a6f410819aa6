/** Drawing on canvases: sharp on every screen, through a context small enough to be replaced in tests. */
import { CIVIDIS } from './palette';
import { Theme } from './theme';

export type Context = Pick<
  CanvasRenderingContext2D,
  | 'fillRect' | 'clearRect' | 'strokeRect' | 'fillText' | 'beginPath' | 'moveTo' | 'lineTo' | 'arc' | 'stroke' | 'fill'
  | 'bezierCurveTo' | 'setLineDash' | 'save' | 'restore' | 'translate' | 'rotate' | 'drawImage'
  | 'fillStyle' | 'strokeStyle' | 'lineWidth' | 'font' | 'textAlign' | 'textBaseline' | 'globalAlpha' | 'imageSmoothingEnabled'
>;

/** Sizes a canvas in CSS pixels and gives a cleared context in which one unit is one of them; null where there is none. */
export function prepare(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null {
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d');
  if (!context) return null;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Paints bytes (rows x columns) as one pixel each in cividis; CSS scales them up without smoothing. */
export function paintBytes(canvas: HTMLCanvasElement, values: ArrayLike<number>, rows: number, columns: number): void {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d');
  if (!context) return;
  const image = context.createImageData(columns, rows);
  for (let index = 0; index < rows * columns; index++) {
    const [red, green, blue] = CIVIDIS[values[index]];
    image.data.set([red, green, blue, 255], index * 4);
  }
  context.putImageData(image, 0, 0);
}

/** Bars of a histogram over the whole of a box. */
export function drawHistogram(context: Context, counts: ArrayLike<number>, box: { x: number; y: number; width: number; height: number }, colour: string): void {
  let most = 1;
  for (let index = 0; index < counts.length; index++) most = Math.max(most, counts[index]);
  const step = box.width / counts.length;
  context.fillStyle = colour;
  for (let index = 0; index < counts.length; index++) {
    // A bin that holds anything at all is seen: at least one pixel.
    const height = counts[index] ? Math.max(1, (counts[index] / most) * box.height) : 0;
    context.fillRect(box.x + index * step, box.y + box.height - height, Math.max(0.5, step - 0.5), height);
  }
}

/** Diagonal stripes over a cell: not a number, told without colour. */
export function hatch(context: Context, x: number, y: number, width: number, height: number, theme: Theme): void {
  context.strokeStyle = theme.background;
  context.lineWidth = 1;
  context.beginPath();
  for (let offset = -height; offset < width; offset += 4) {
    context.moveTo(x + Math.max(0, offset), y + Math.max(0, -offset));
    context.lineTo(x + Math.min(width, offset + height), y + Math.min(height, width - offset));
  }
  context.stroke();
}

/** Text shortened in the middle: `encoder…weight` keeps what tells names apart. */
export function elide(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = Math.ceil((most - 1) / 2);
  return `${text.slice(0, most - 1 - tail)}…${text.slice(text.length - tail)}`;
}
