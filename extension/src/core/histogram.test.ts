/** The large histogram, on a context that writes down what is drawn. */
import { expect, it, vi } from 'vitest';
import { Context } from './canvas';
import { drawDistribution, place } from './histogram';
import { Theme } from './theme';

const THEME: Theme = { dark: false, background: '#fff', text: '#000', muted: '#555', line: '#ccc', accent: '#06b', font: 'sans-serif' };

function recorder(): { context: Context; texts: string[] } {
  const texts: string[] = [];
  const context = new Proxy({} as Record<string, unknown>, {
    get: (target, name: string) => target[name] ?? (name === 'fillText' ? (text: string) => texts.push(text) : vi.fn()),
    set: (target, name: string, value) => Boolean((target[name] = value)) || true
  });
  return { context: context as unknown as Context, texts };
}

it('writes its ends and zero where there is room', () => {
  const { context, texts } = recorder();
  drawDistribution(context, { counts: [1, 2, 3], low: -1, high: 2, mean: 0.5, std: 0.25 }, 300, 100, THEME);
  expect(texts).toEqual(['−1', '2', '0']);
});

it('places values only inside of an extent', () => {
  expect(place({ counts: [], low: 0, high: 4 }, 1, 200)).toBe(50);
  expect(place({ counts: [], low: 0, high: 4 }, 5, 200)).toBeNull();
  expect(place({ counts: [], low: 3, high: 3 }, 3, 200)).toBeNull();
  expect(place({ counts: [], low: NaN, high: NaN }, 3, 200)).toBeNull();
});
