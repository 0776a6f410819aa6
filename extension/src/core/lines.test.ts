/** Lines can be told from their background in both themes: 3:1 is what WCAG asks of graphics. */
import { expect, it } from 'vitest';
import { DASHES, LINES_DARK, LINES_LIGHT } from './lines';

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5]
    .map(start => parseInt(hex.slice(start, start + 2), 16) / 255)
    .map(part => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((first, second) => first - second);
  return (high + 0.05) / (low + 0.05);
}

it.each(LINES_LIGHT)('%s on white', colour => expect(contrast(colour, '#ffffff')).toBeGreaterThan(3));
it.each(LINES_DARK)('%s on JupyterLab dark', colour => expect(contrast(colour, '#212121')).toBeGreaterThan(3));
it('no two lines of a chart share colour and dash', () => expect(DASHES.length).toBe(LINES_LIGHT.length));
