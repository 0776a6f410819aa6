/** Hands on a run: enabled only when they reach the loop, and never fought over by kernel and person. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { storeOf } from '../gallery/encode';
import { training } from '../gallery/training';
import { Control } from '../core/protocol';
import { Store } from '../core/store';
import { Outgoing } from '../core/view';
import { fromPosition, mountToolbar, statusText, toPosition } from './toolbar';

const find = <T extends HTMLElement>(selector: string): T => document.querySelector<T>(selector)!;
const LOG: Control = { name: 'lr', label: 'rate', scale: 'log', min: 1e-5, max: 1, value: 0.01 };

let store: Store;
let sent: Outgoing[];
let unmount: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  store = storeOf(training);
  sent = [];
  unmount = mountToolbar(document.body, store, { kind: 'panel', send: message => sent.push(message) });
});

afterEach(() => {
  unmount();
  vi.useRealTimers();
});

const state = (changes: object): void => {
  store.apply({ op: 'state', run: 'a', state: 'running', step: 1700, rate: 10, values: { lr: 0.01, momentum: 0.9 }, control: true, ...changes }, []);
  vi.advanceTimersByTime(1000);
};

describe('sliders', () => {
  it.each([1e-5, 1e-3, 0.0123, 1])('a log slider finds %d again', value => expect(fromPosition(LOG, toPosition(LOG, value))).toBeCloseTo(value, 10));
  it('a value outside is shown at the end', () => expect(toPosition(LOG, 5)).toBe(1));

  it('sends the last of many moves', () => {
    const slider = find<HTMLInputElement>('.wb-slider[data-name=lr]');
    for (const value of ['200', '240', '320']) {
      slider.value = value;
      slider.dispatchEvent(new Event('input'));
    }
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([{ op: 'set', run: 'a', name: 'lr', value: 0.1 }]);
    expect(find<HTMLInputElement>('.wb-number[data-name=lr]').value).toBe('0.1');
  });

  it('follows the kernel, but not while a person drags', () => {
    const slider = find<HTMLInputElement>('.wb-slider[data-name=lr]');
    state({ values: { lr: 0.1 } });
    expect(slider.value).toBe('320');
    slider.value = '400';
    slider.dispatchEvent(new Event('input'));
    store.apply({ op: 'state', run: 'a', state: 'running', step: 1, rate: 1, values: { lr: 0.01 }, control: true }, []);
    vi.advanceTimersByTime(300);
    expect(slider.value).toBe('400');
  });

  it('takes an exact number and keeps it within bounds', () => {
    const field = find<HTMLInputElement>('.wb-number[data-name=lr]');
    field.value = '7';
    field.dispatchEvent(new Event('change'));
    vi.advanceTimersByTime(100);
    expect(sent).toEqual([{ op: 'set', run: 'a', name: 'lr', value: 1 }]);
  });
});

describe('commands', () => {
  it('are enabled when the way back is proved', () => {
    expect(find<HTMLButtonElement>('[data-wb-cmd=pause]').disabled).toBe(false);
    find('[data-wb-cmd=pause]').click();
    expect(sent).toEqual([{ op: 'cmd', run: 'a', name: 'pause' }]);
  });

  it('say that they wait for the cell when it is not', () => {
    state({ control: false });
    expect(find<HTMLButtonElement>('[data-wb-cmd=pause]').disabled).toBe(true);
    expect(find<HTMLInputElement>('.wb-slider').disabled).toBe(true);
    expect(find('.wb-note').textContent).toBe('controls apply when the cell ends');
  });

  it('offer resume in place of pause', () => {
    state({ state: 'paused' });
    expect(find('[data-wb-cmd=pause]').hidden).toBe(true);
    expect(find<HTMLButtonElement>('[data-wb-cmd=resume]').disabled).toBe(false);
  });

  it('go when the run is over', () => {
    state({ state: 'done' });
    expect(find('[data-wb-cmd=stop]').hidden).toBe(true);
    expect(find('.wb-note').textContent).toBe('');
  });
});

it('the status line carries what tests and people look for', () => {
  const status = find('.wb-status');
  expect(status.dataset).toMatchObject({ state: 'running', step: '1677', points: '1677', run: 'a', control: 'true' });
  expect(status.textContent).toContain('running');
  expect(statusText(null)).toBe('no run yet');
});

it('another run can be picked', () => {
  const picker = find<HTMLSelectElement>('.wb-runs');
  picker.value = 'b';
  picker.dispatchEvent(new Event('change'));
  expect(store.run?.id).toBe('b');
});

it('says what happened last, and first of all when page and kernel differ in version', () => {
  expect(find('.wb-event').textContent).toBe('⚠ step 812: gradient norm of conv2.weight rose 40-fold');
  store.apply({ op: 'hello', v: 2, run: 'c', title: 'c', controls: [], streams: [], total: null }, []);
  vi.advanceTimersByTime(300);
  expect(find('.wb-event').textContent).toContain('upgrade the JupyterLab extension');
});
