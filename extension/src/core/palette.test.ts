/** Colours: every line is seen on its theme, and the scales order numbers by brightness too. */
import { describe, expect, it } from 'vitest';
import { LINES_DARK, LINES_LIGHT } from './lines';
import { BROKEN, CIVIDIS, Colour, DIVERGING, cividis, contrast, hex, shade } from './palette';

const BACKGROUNDS: Record<string, { colours: string[]; backgrounds: string[] }> = {
  light: { colours: LINES_LIGHT, backgrounds: ['#FFFFFF'] },
  dark: { colours: LINES_DARK, backgrounds: ['#111111', '#212121'] }
};

describe.each(Object.entries(BACKGROUNDS))('%s theme', (_, { colours, backgrounds }) => {
  it.each(colours)('%s has at least 3:1', colour => {
    for (const background of backgrounds) expect(contrast(hex(colour), hex(background))).toBeGreaterThanOrEqual(3);
  });

  it('shows what is not a number', () => {
    // The stripes over it are in the background's colour, so that it carries itself.
    for (const background of backgrounds) expect(contrast(BROKEN, hex(background))).toBeGreaterThanOrEqual(3);
  });
});

const brightness = ([red, green, blue]: Colour): number => 0.2126 * red + 0.7152 * green + 0.0722 * blue;

it('rises in brightness along cividis', () => {
  for (let index = 1; index < 256; index++) expect(brightness(CIVIDIS[index])).toBeGreaterThanOrEqual(brightness(CIVIDIS[index - 1]) - 0.5);
});

it('is brightest in the middle of the diverging scale', () => {
  const middle = brightness(shade(DIVERGING, 0.5));
  for (const share of [0, 0.25, 0.75, 1]) expect(brightness(shade(DIVERGING, share))).toBeLessThan(middle);
});

it('holds its ends', () => {
  expect(cividis(-3)).toEqual(CIVIDIS[0]);
  expect(cividis(7)).toEqual(CIVIDIS[255]);
  expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21);
});
