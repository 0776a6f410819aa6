/** The furniture of every view: states, table twin, and text that is never markup. */
import { afterEach, expect, it, vi } from 'vitest';
import { viewFrame } from './frame';

afterEach(() => document.body.replaceChildren());

const make = (draw = (): void => undefined) =>
  viewFrame(document.body, {
    name: 'curves',
    title: 'Curves',
    draw,
    table: () => ({ caption: 'all of it', head: ['step', 'loss'], rows: [[1, '<b>0.5</b>']] })
  });

it('shows what to run while there is nothing to see', () => {
  const frame = make();
  frame.empty('No run yet.', 'wb.fit(model)');
  expect(frame.body.hidden).toBe(true);
  expect(document.querySelector('.wb-state code')?.textContent).toBe('wb.fit(model)');
  frame.clear();
  expect(frame.body.hidden).toBe(false);
});

it('turns into a table and back, and shows strings as text', () => {
  const frame = make();
  const toggle = document.querySelector<HTMLButtonElement>('[data-wb-cmd=table]')!;
  toggle.click();
  expect(toggle.getAttribute('aria-pressed')).toBe('true');
  expect(document.querySelector('.wb-table td')?.textContent).toBe('<b>0.5</b>');
  expect(document.querySelector('.wb-table b')).toBeNull();
  toggle.click();
  expect(frame.body.hidden).toBe(false);
});

it('says so when drawing fails, and recovers with the next good drawing', async () => {
  let broken = true;
  const frame = make(() => {
    if (broken) throw new Error('no canvas');
    frame.clear();
  });
  frame.schedule();
  await vi.waitFor(() => expect(document.querySelector('[role=alert]')?.textContent).toContain('no canvas'));
  broken = false;
  frame.schedule();
  await vi.waitFor(() => expect(frame.body.hidden).toBe(false));
});

it('describes its picture', () => {
  const frame = make();
  const picture = document.createElement('canvas');
  frame.body.append(picture);
  frame.picture(picture);
  frame.sentence('loss fell');
  const ids = picture.getAttribute('aria-labelledby')!.split(' ');
  expect(ids.map(id => document.getElementById(id)?.textContent)).toEqual(['Curves', 'loss fell']);
});

it('does not draw what no one sees, and catches up when seen', async () => {
  let report: (entries: object[]) => void = () => undefined;
  vi.stubGlobal('IntersectionObserver', class {
    constructor(callback: typeof report) {
      report = callback;
    }
    observe(): void {}
    disconnect(): void {}
  });
  const draw = vi.fn();
  const frame = make(draw);
  report([{ isIntersecting: false }]);
  frame.schedule();
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(draw).not.toHaveBeenCalled();
  report([{ isIntersecting: true }]);
  await vi.waitFor(() => expect(draw).toHaveBeenCalledTimes(1));
  vi.unstubAllGlobals();
});
