/**
 * The bar above the views: which run, how it stands, and the hands on it (pause, step, stop, learning rate).
 *
 * Controls are enabled only when the kernel has proved that a message gets through while a cell runs; before that the
 * bar says so in words. State is told by text and sign, never by colour alone.
 */
import { button, glyph, h, setAttribute, setText, uniqueId } from '../core/dom';
import { count, short } from '../core/format';
import { Control, CmdRequest, RunState } from '../core/protocol';
import { coalesced } from '../core/schedule';
import { RunData, Store } from '../core/store';
import { Transport } from '../core/view';

const SIGNS: Record<RunState, string> = { idle: '○', running: '▶', paused: '‖', done: '✓', stopped: '■', failed: '✕' };
const COMMANDS: { name: CmdRequest['name']; text: string; icon: string; title: string; from: RunState[] }[] = [
  { name: 'pause', text: 'Pause', icon: 'M4 3h3v10H4zM9 3h3v10H9z', title: 'Hold the loop at the next step', from: ['running'] },
  { name: 'resume', text: 'Resume', icon: 'M4 2.5 13 8 4 13.5z', title: 'Let the loop go on', from: ['paused'] },
  { name: 'step', text: 'Step', icon: 'M3 2.5 10 8 3 13.5zM11 3h2.2v10H11z', title: 'One training step, then pause', from: ['paused', 'running'] },
  { name: 'stop', text: 'Stop', icon: 'M3.5 3.5h9v9h-9z', title: 'End the loop at the next step', from: ['running', 'paused'] }
];
const SLIDER_STEPS = 400;
const SEND_EVERY = 60;

export const isLive = (run: RunData): boolean => run.state === 'running' || run.state === 'paused';

/** Whether a person's change would reach the loop now. */
export const canControl = (run: RunData | null): boolean => run !== null && isLive(run) && run.control;

/** Position 0..1 of a value on its slider. */
export function toPosition({ scale, min, max }: Control, value: number): number {
  const clamped = Math.min(max, Math.max(min, value));
  const part = scale === 'log' ? Math.log(clamped / min) / Math.log(max / min) : (clamped - min) / (max - min);
  return Number.isFinite(part) ? part : 0;
}

/** The value at a position, rounded to three significant digits so that the number shown is the number sent. */
export function fromPosition({ scale, min, max }: Control, position: number): number {
  const value = scale === 'log' ? min * (max / min) ** position : min + (max - min) * position;
  return Number(value.toPrecision(3));
}

/** The line that says how a run stands. */
export function statusText(run: RunData | null): string {
  if (!run) return 'no run yet';
  const steps = run.total ? `step ${count(run.step)} of ${count(run.total)}` : `step ${count(run.step)}`;
  const rate = run.state === 'running' && run.rate ? ` · ${short(run.rate, 3)} steps/s` : '';
  return `${SIGNS[run.state]} ${run.state} · ${steps}${rate}`;
}

export interface ToolbarOptions {
  /** whether another run may be picked; an output stays on its own */
  picker: boolean;
}

export function mountToolbar(
  element: HTMLElement,
  store: Store,
  transport: Transport,
  options: ToolbarOptions = { picker: true }
): () => void {
  const picker = h('select', { class: 'wb-select wb-runs', 'aria-label': 'Run' });
  const title = h('span', { class: 'wb-run-title' });
  // The line changes many times a second: only a change of state is spoken, from an element of its own.
  const status = h('span', { class: 'wb-status', role: 'status', 'aria-live': 'off' });
  const spoken = h('span', { class: 'wb-hidden', 'aria-live': 'polite' });
  const note = h('span', { class: 'wb-note', id: uniqueId('note') });
  const progress = h('progress', { class: 'wb-progress', max: 1, 'aria-label': 'Steps done' });
  const sliders = h('div', { class: 'wb-sliders' });
  const buttons = COMMANDS.map(({ name, text, icon, title: hint }) => {
    const act = (): void => {
      if (store.run) transport.send({ op: 'cmd', run: store.run.id, name });
    };
    const each = button(text, act, { 'data-wb-cmd': name, title: hint, 'aria-describedby': note.id });
    each.prepend(glyph(icon));
    return each;
  });
  const events = h('p', { class: 'wb-event', hidden: true });
  const root = h(
    'div',
    { class: 'wb-toolbar', role: 'group', 'aria-label': 'Training run' },
    h('div', { class: 'wb-row' }, options.picker ? picker : title, status, spoken),
    progress,
    h('div', { class: 'wb-row wb-commands' }, ...buttons, note),
    sliders,
    events
  );
  picker.addEventListener('change', () => store.select(picker.value));
  const controls = new Sliders(sliders, (name, value) => {
    if (store.run) transport.send({ op: 'set', run: store.run.id, name, value });
  });

  const draw = (): void => {
    const run = store.run;
    const enabled = canControl(run);
    fillPicker(picker, store);
    setText(title, run?.title ?? '');
    setText(status, statusText(run));
    // A picture of one moment (wb.show on a model) has a title but no course.
    status.hidden = run !== null && run.state === 'idle' && !run.streams.includes('series');
    Object.assign(status.dataset, {
      state: run?.state ?? 'none',
      step: String(run?.step ?? 0),
      points: String(run?.series.length ?? 0),
      run: run?.id ?? '',
      control: String(run?.control ?? false)
    });
    setText(spoken, run ? `${run.title}: ${run.state}` : '');
    setText(note, noteText(run, transport.kind));
    progress.hidden = !run?.total;
    progress.value = run?.total ? Math.min(1, run.step / run.total) : 0;
    buttons.forEach((each, index) => {
      const { from, name } = COMMANDS[index];
      // Pause and resume take turns in one place.
      const other = run?.state === 'paused' ? 'pause' : 'resume';
      each.hidden = !run || !isLive(run) || name === other;
      each.disabled = !enabled || !run || !from.includes(run.state);
    });
    controls.draw(run, enabled);
    const [level, text] = newsOf(store);
    events.hidden = !text;
    events.dataset.level = level;
    setText(events, text);
  };
  const request = coalesced(draw);
  const unsubscribe = store.subscribe(request);
  element.append(root);
  draw();
  return () => {
    unsubscribe();
    request.cancel();
    controls.dispose();
    root.remove();
  };
}

/** The last thing that happened, or what stands between this page and its kernel. */
function newsOf({ problem, run }: Store): [level: string, text: string] {
  if (problem) return ['error', `⚠ ${problem}`];
  const last = run?.events[run.events.length - 1];
  return last ? [last.level, `${last.level === 'info' ? 'ℹ' : '⚠'} step ${count(last.step)}: ${last.text}`] : ['info', ''];
}

function noteText(run: RunData | null, kind: Transport['kind']): string {
  if (!run || !isLive(run) || run.control) return '';
  return kind === 'offline' ? 'saved picture, no kernel' : 'controls apply when the cell ends';
}

function fillPicker(picker: HTMLSelectElement, store: Store): void {
  const runs = [...store.runs.values()].reverse();
  const wanted = runs.map(run => [run.id, `${SIGNS[run.state]} ${run.title}`]);
  const now = [...picker.options].map(option => [option.value, option.text]);
  if (JSON.stringify(now) !== JSON.stringify(wanted)) {
    picker.replaceChildren(...wanted.map(([value, text]) => h('option', { value }, text)));
  }
  picker.hidden = !runs.length;
  if (store.run) picker.value = store.run.id;
}

/** One slider with a number for each control; a value a person is changing is not overwritten from the kernel. */
class Sliders {
  private rows = new Map<string, { input: HTMLInputElement; field: HTMLInputElement; control: Control }>();
  private shape = '';
  private pending = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private touched = new Map<string, number>();

  constructor(
    private readonly element: HTMLElement,
    private readonly send: (name: string, value: number) => void
  ) {}

  draw(run: RunData | null, enabled: boolean): void {
    // A run that is over has nothing left to steer.
    const controls = run && isLive(run) ? run.controls : [];
    const shape = JSON.stringify([run?.id, controls.map(({ name, label, scale, min, max }) => [name, label, scale, min, max])]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.rows.clear();
      this.element.replaceChildren(...controls.map(control => this.row(control)));
    }
    this.element.hidden = !controls.length;
    for (const [name, { input, field, control }] of this.rows) {
      input.disabled = field.disabled = !enabled;
      if (performance.now() - (this.touched.get(name) ?? -Infinity) < 700) continue;
      this.show(name, run?.values[name] ?? control.value);
    }
  }

  dispose(): void {
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private row(control: Control): HTMLElement {
    const { name, label } = control;
    const id = uniqueId(name);
    const input = h('input', { type: 'range', class: 'wb-slider', id, 'data-name': name, min: 0, max: SLIDER_STEPS, step: 1 });
    const field = h('input', { type: 'text', inputmode: 'decimal', class: 'wb-number', 'data-name': name, 'aria-label': `${label}, exact` });
    input.addEventListener('input', () => this.change(name, fromPosition(control, Number(input.value) / SLIDER_STEPS)));
    field.addEventListener('change', () => {
      const value = Number(field.value);
      if (field.value.trim() && Number.isFinite(value)) this.change(name, Math.min(control.max, Math.max(control.min, value)));
      else this.touched.delete(name);
    });
    field.addEventListener('input', () => this.touched.set(name, performance.now() + 10_000));
    this.rows.set(name, { input, field, control });
    return h('div', { class: 'wb-control' }, h('label', { class: 'wb-label', for: id }, label), input, field);
  }

  private show(name: string, value: number): void {
    const row = this.rows.get(name);
    if (!row) return;
    row.input.value = String(Math.round(toPosition(row.control, value) * SLIDER_STEPS));
    setAttribute(row.input, 'aria-valuetext', short(value));
    if (document.activeElement !== row.field || !this.touched.has(name)) row.field.value = plainNumber(value);
  }

  private change(name: string, value: number): void {
    this.show(name, value);
    const row = this.rows.get(name);
    if (row) row.field.value = plainNumber(value);
    this.touched.set(name, performance.now());
    this.pending.set(name, value);
    // Dragging fires at every pixel; the loop reads values once a step anyway.
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.pending.forEach((each, key) => this.send(key, each));
      this.pending.clear();
    }, SEND_EVERY);
  }
}

/** A number that a person can edit: no typographic minus, no thousands marks. */
function plainNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}
