/**
 * The furniture that all five views share: heading, tools, sentence, table twin, empty and error state.
 *
 * A view asks for a frame, draws into `body`, and tells the frame what the picture says. Having it once is what makes
 * the views look alike, speak alike and fail alike.
 */
import { button, glyph, h, setText, uniqueId } from './dom';
import { coalesced } from './schedule';
import { Pictures, savePng, saveSvg } from './save';
import { onThemeChange, themeOf } from './theme';
import { watchVisible } from './visible';

/** The same facts as the picture, for those who read rather than look. */
export interface Table {
  caption: string;
  head: string[];
  rows: (string | number)[][];
}

export interface FrameOptions {
  /** value of data-wb-view */
  name: string;
  title: string;
  /** paints the view from the store; called through `schedule`, and after a change of theme or size */
  draw: () => void;
  table?: () => Table;
  pictures?: Pictures;
}

export interface Frame {
  root: HTMLElement;
  /** left part of the bar, for the view's own toggles and selects */
  tools: HTMLElement;
  /** where to draw; hidden while a state or the table is shown */
  body: HTMLElement;
  /** asks for `draw` at the next animation frame */
  schedule: () => void;
  /** what the picture says, in a sentence: visible, and the accessible name of a `picture` */
  sentence(text: string): void;
  /** marks an element as an image that the sentence describes */
  picture(element: Element): void;
  /** nothing to show yet: why, and the line of code that changes it */
  empty(text: string, code?: string): void;
  /** something went wrong: one sentence */
  error(text: string): void;
  /** takes an empty or error state away */
  clear(): void;
  /** whether the table is on show */
  tabular(): boolean;
  dispose(): void;
}

const MAX_ROWS = 500;
const DOWNLOAD = 'M7 2h2v6h3l-4 4.2L4 8h3zM3 13h10v1.6H3z';

export function viewFrame(element: HTMLElement, options: FrameOptions): Frame {
  const ids = { title: uniqueId('title'), sentence: uniqueId('sentence'), table: uniqueId('table') };
  const tools = h('div', { class: 'wb-tools' });
  const actions = h('div', { class: 'wb-actions' });
  const state = h('div', { class: 'wb-state', hidden: true });
  const body = h('div', { class: 'wb-body' });
  const twin = h('div', { class: 'wb-twin', id: ids.table, role: 'group', 'aria-labelledby': ids.title, tabindex: 0, hidden: true });
  const sentence = h('p', { class: 'wb-sentence', id: ids.sentence });
  // A group, not a region: a notebook with the same view in five outputs must not have five landmarks of one name.
  const root = h(
    'section',
    { class: 'wb-view', role: 'group', 'data-wb-view': options.name, 'aria-labelledby': ids.title },
    h('header', { class: 'wb-head' }, h('h3', { class: 'wb-title', id: ids.title }, options.title), tools, actions),
    state,
    body,
    twin,
    sentence
  );
  let asTable = false;
  let plain = true;

  const present = (): void => {
    body.hidden = asTable || !plain;
    twin.hidden = !asTable || !plain;
    state.hidden = plain;
    actions.hidden = !plain;
    tools.hidden = !plain;
  };
  const message = (kind: string, children: Node[]): void => {
    plain = false;
    state.dataset.kind = kind;
    state.replaceChildren(...children);
    setText(sentence, '');
    present();
  };
  const frame: Frame = {
    root,
    tools,
    body,
    schedule: () => request(),
    sentence: text => setText(sentence, text),
    picture: picture => {
      picture.setAttribute('role', 'img');
      picture.setAttribute('aria-labelledby', `${ids.title} ${ids.sentence}`);
    },
    empty: (text, code) => message('empty', [h('p', {}, text), ...(code ? [h('pre', { tabindex: 0 }, h('code', {}, code))] : [])]),
    error: text => message('error', [h('p', { role: 'alert' }, `⚠ ${text}`)]),
    clear: () => {
      plain = true;
      present();
    },
    tabular: () => asTable,
    dispose: () => {
      request.cancel();
      unwatch();
      stopTheme();
      resize?.disconnect();
      root.remove();
    }
  };
  const draw = (): void => {
    try {
      options.draw();
      if (asTable && plain && options.table) twin.replaceChildren(tableElement(options.table()));
    } catch (problem) {
      frame.error(`This view could not be drawn: ${problem instanceof Error ? problem.message : String(problem)}`);
    }
  };
  // A notebook may hold many views of runs that go on: those out of sight catch up when they are seen.
  let visible = true;
  let stale = false;
  const request = coalesced(() => {
    stale = !visible;
    if (visible) draw();
  });
  const unwatch = watchVisible(root, now => {
    visible = now;
    if (visible && stale) request();
  });
  if (options.table) {
    const toggle = button('Show as table', () => {
      asTable = !asTable;
      toggle.setAttribute('aria-pressed', String(asTable));
      present();
      draw();
    }, { 'aria-pressed': 'false', 'aria-controls': ids.table, 'data-wb-cmd': 'table' });
    actions.append(toggle);
  }
  actions.append(...saveButtons(options, root));
  element.append(root);
  present();
  const stopTheme = onThemeChange(request);
  const resize = typeof ResizeObserver === 'undefined' ? null : new ResizeObserver(() => request());
  resize?.observe(root);
  return frame;
}

function saveButtons({ name, pictures }: FrameOptions, root: HTMLElement): HTMLButtonElement[] {
  const { svg, png } = pictures ?? {};
  const save = (kind: string, act: () => void): HTMLButtonElement => {
    const each = button(kind, act, { 'data-wb-cmd': `save-${kind.toLowerCase()}`, 'aria-label': `Save ${kind}`, title: `Save as ${kind}` });
    each.prepend(glyph(DOWNLOAD));
    return each;
  };
  const buttons: HTMLButtonElement[] = [];
  if (svg) {
    buttons.push(save('SVG', () => {
      const picture = svg();
      if (picture) saveSvg(`workbench-${name}`, picture);
    }));
  }
  if (png) {
    buttons.push(save('PNG', () => {
      const picture = png();
      if (picture) savePng(`workbench-${name}`, picture, themeOf(root).background);
    }));
  }
  return buttons;
}

/** A table that says when it leaves rows out. */
function tableElement({ caption, head, rows }: Table): HTMLTableElement {
  const shown = rows.slice(0, MAX_ROWS);
  const left = rows.length - shown.length;
  const cell = (value: string | number, index: number): HTMLElement =>
    index ? h('td', {}, String(value)) : h('th', { scope: 'row' }, String(value));
  return h(
    'table',
    { class: 'wb-table' },
    h('caption', {}, left ? `${caption} (first ${MAX_ROWS} of ${rows.length} rows)` : caption),
    h('thead', {}, h('tr', {}, ...head.map(text => h('th', { scope: 'col' }, text)))),
    h('tbody', {}, ...shown.map(row => h('tr', {}, ...row.map(cell))))
  );
}
