/**
 * All views of a run under one toolbar, one tab each. Only the chosen view is mounted, so only its data is asked for.
 */
import { h, setAttribute, uniqueId } from '../core/dom';
import { mountView } from '../core/mount';
import { Store } from '../core/store';
import { Transport, ViewName } from '../core/view';
import { VIEWS } from '.';
import { mountToolbar } from './toolbar';

export interface Dashboard {
  /** Brings a view to the front. */
  show(name: ViewName): void;
  shown(): ViewName;
  unmount(): void;
}

export function mountDashboard(
  element: HTMLElement,
  store: Store,
  transport: Transport,
  first: ViewName = 'curves',
  onShow: (name: ViewName) => void = () => undefined
): Dashboard {
  const bar = h('div', { class: 'wb-bar' });
  const list = h('div', { class: 'wb-tabs', role: 'tablist', 'aria-label': 'Views of the run' });
  const page = h('div', { class: 'wb-page', role: 'tabpanel', id: uniqueId('page') });
  const root = h('div', { class: 'wb-dashboard' }, bar, list, page);
  const tabs = VIEWS.map(({ name, title }) => {
    const tab = h('button', { type: 'button', class: 'wb-tab', role: 'tab', id: uniqueId(`tab-${name}`), 'aria-controls': page.id, 'data-wb-tab': name }, title);
    tab.addEventListener('click', () => show(name));
    return tab;
  });
  list.append(...tabs);
  list.addEventListener('keydown', event => {
    const index = neighbour(event.key, tabs.indexOf(document.activeElement as HTMLButtonElement), tabs.length);
    if (index === null) return;
    event.preventDefault();
    tabs[index].focus();
    show(VIEWS[index].name);
  });
  element.append(root);
  const unmountBar = mountToolbar(bar, store, transport);
  let current: ViewName | null = null;
  let unmountView: () => void = () => undefined;

  function show(name: ViewName): void {
    const index = Math.max(0, VIEWS.findIndex(each => each.name === name));
    const entry = VIEWS[index];
    if (entry.name === current) return;
    unmountView();
    current = entry.name;
    tabs.forEach((tab, position) => {
      setAttribute(tab, 'aria-selected', String(position === index));
      tab.tabIndex = position === index ? 0 : -1;
    });
    page.setAttribute('aria-labelledby', tabs[index].id);
    unmountView = mountView(page, entry, store, transport);
    onShow(entry.name);
  }
  show(first);
  return {
    show,
    shown: () => current ?? first,
    unmount: () => {
      unmountView();
      unmountBar();
      root.remove();
    }
  };
}

/** Index of the tab that a key leads to, as the ARIA practices say; null for other keys. */
export function neighbour(key: string, index: number, length: number): number | null {
  if (index < 0) return null;
  const targets: Record<string, number> = { ArrowRight: index + 1, ArrowLeft: index - 1 + length, Home: 0, End: length - 1 };
  return key in targets ? targets[key] % length : null;
}
