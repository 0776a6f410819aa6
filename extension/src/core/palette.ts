/**
 * Colours for numbers: cividis, which reads the same with every kind of colour vision and in grey, and the sign for
 * what is not a number. Lines of curves have their own marks (lines.ts).
 */

export type Colour = [number, number, number];

const ANCHORS: Colour[] = [
  [0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115],
  [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]
];

/** NaN and Inf: a magenta that cividis does not contain; drawn hatched, so that it is not told by colour alone. */
export const BROKEN: Colour = [204, 0, 153];

/** 256 colours from dark blue to yellow. */
export const CIVIDIS: Colour[] = Array.from({ length: 256 }, (_, index) => {
  const place = (index / 255) * (ANCHORS.length - 1);
  const low = Math.min(Math.floor(place), ANCHORS.length - 2);
  return ANCHORS[low].map((value, channel) => Math.round(value + (place - low) * (ANCHORS[low + 1][channel] - value))) as Colour;
});

/** The colour of a share between 0 and 1. */
export function cividis(share: number): Colour {
  return CIVIDIS[Math.min(255, Math.max(0, Math.round(share * 255)))];
}

export function css([red, green, blue]: Colour): string {
  return `rgb(${red}, ${green}, ${blue})`;
}

/** The same colours as a CSS gradient, for legends. */
export const CIVIDIS_GRADIENT = `linear-gradient(to right, ${ANCHORS.map(css).join(', ')})`;
