/** Moving over a drawing: drag, wheel and keys change the viewBox of an SVG. */

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** pixels a unit of the drawing: its text is 11 units high */
const LARGEST = 1.5;
const READABLE = 0.65;
const MARGIN = 12;

export class Camera {
  private box: Box | null = null;
  private whole: Box | null = null;
  private svg: SVGSVGElement | null = null;
  /** whether a drag has just moved the picture: its click then picks nothing */
  moved = false;

  constructor(private readonly host: HTMLElement) {
    host.addEventListener('wheel', event => this.wheel(event), { passive: false });
    host.addEventListener('pointerdown', event => this.drag(event));
  }

  /** Takes a new drawing; a person's own view of the last one is kept unless it starts afresh. */
  take(svg: SVGSVGElement, afresh: boolean): void {
    const { x, y, width, height } = svg.viewBox.baseVal;
    this.whole = { x, y, width, height };
    svg.removeAttribute('width');
    svg.removeAttribute('height');
    this.svg = svg;
    if (afresh || !this.box) this.begin();
    else this.apply();
  }

  /** All of it. */
  fit(): void {
    this.look(0);
  }

  /** All of it where its text can still be read; else its beginning, at a size that can. */
  private begin(): void {
    this.look(READABLE);
  }

  private look(smallest: number): void {
    if (!this.whole) return;
    const wide = this.host.clientWidth || 600;
    const high = this.host.clientHeight || 400;
    // Small graphs are not blown up: one unit is at most LARGEST pixels.
    const needed = Math.max(this.whole.width / (wide - 2 * MARGIN), this.whole.height / (high - 2 * MARGIN), 1 / LARGEST);
    const unit = smallest ? Math.min(needed, 1 / smallest) : needed;
    const [width, height] = [wide * unit, high * unit];
    const y = this.whole.height + 2 * MARGIN * unit > height ? this.whole.y - MARGIN * unit : this.whole.y + (this.whole.height - height) / 2;
    this.box = { x: this.whole.x + (this.whole.width - width) / 2, y, width, height };
    this.apply();
  }

  zoom(factor: number, atX = 0.5, atY = 0.5): void {
    if (!this.box) return;
    const { x, y, width, height } = this.box;
    this.box = { x: x + width * atX * (1 - factor), y: y + height * atY * (1 - factor), width: width * factor, height: height * factor };
    this.apply();
  }

  /** Brings an element into the middle, near enough to be read. */
  centre(element: SVGGraphicsElement): void {
    if (!this.box) return;
    const far = Math.max(this.box.width / (this.host.clientWidth || 600), this.box.height / (this.host.clientHeight || 400));
    if (far > 1 / READABLE) this.zoom(1 / (READABLE * far));
    const view = this.host.getBoundingClientRect();
    const rect = element.getBoundingClientRect();
    const unit = Math.max(this.box.width / view.width, this.box.height / view.height);
    this.box.x += (rect.x + rect.width / 2 - view.x - view.width / 2) * unit;
    this.box.y += (rect.y + rect.height / 2 - view.y - view.height / 2) * unit;
    this.apply();
  }

  private apply(): void {
    if (this.svg && this.box) this.svg.setAttribute('viewBox', `${this.box.x} ${this.box.y} ${this.box.width} ${this.box.height}`);
  }

  /** The wheel zooms with Ctrl, or while the drawing has the focus; else the page scrolls as everywhere. */
  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && !this.host.contains(document.activeElement)) return;
    event.preventDefault();
    const rect = this.host.getBoundingClientRect();
    this.zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, (event.clientX - rect.x) / rect.width, (event.clientY - rect.y) / rect.height);
  }

  private drag(down: PointerEvent): void {
    if (down.button !== 0 || !this.box) return;
    this.moved = false;
    let [lastX, lastY] = [down.clientX, down.clientY];
    const move = (event: PointerEvent): void => {
      if (Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) > 4) this.moved = true;
      const unit = Math.max(this.box!.width / this.host.clientWidth, this.box!.height / this.host.clientHeight);
      this.box!.x -= (event.clientX - lastX) * unit;
      this.box!.y -= (event.clientY - lastY) * unit;
      [lastX, lastY] = [event.clientX, event.clientY];
      this.apply();
    };
    const up = (): void => {
      window.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', up);
    };
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', up);
  }
}
