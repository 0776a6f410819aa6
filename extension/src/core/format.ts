/** Numbers as a person reads them: short, unambiguous, the same in every view. */

/** Three or four significant digits; NaN, infinities and null by name. */
export function short(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined) return '–';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text =
    size >= 1e6 || size < 1e-3
      ? value.toExponential(digits - 2).replace(/\.?0+e/, 'e').replace('e+', 'e')
      : String(Number(value.toPrecision(digits)));
  return text.replace('-', '−').replace('e-', 'e−');
}

/** Whole numbers with thin separators: 12 345. */
export function count(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** `3 × 32 × 32`; a scalar says so. */
export function shape(dims: readonly number[]): string {
  return dims.length ? dims.join(' × ') : 'scalar';
}

/** `1 layer`, `2 layers`. */
export function plural(amount: number, noun: string): string {
  return `${count(amount)} ${noun}${amount === 1 ? '' : 's'}`;
}

/** A dotted name in at most about `most` characters: long words lose their ends, numbers and dots stay. */
export function shortName(name: string, most: number): string {
  const words = name.split('.');
  // The sign of a cut is as wide as two letters.
  const length = (): number => words.reduce((sum, word) => sum + word.length + (word.endsWith('…') ? 2 : 1), -1);
  while (length() > most) {
    const longest = words.reduce((best, word, index) => (word.length > words[best].length ? index : best), 0);
    const word = words[longest].replace(/…$/, '');
    if (word.length <= 3) return `…${words.join('.').slice(1 - most)}`;
    // The first cut makes room for its sign.
    words[longest] = `${word.slice(0, words[longest].endsWith('…') ? -1 : -3)}…`;
  }
  return words.join('.');
}

/** Dotted names without the words that all of them begin with, if any of them is longer than `most`. */
export function withoutCommon(names: readonly string[], most: number): string[] {
  if (names.length < 2 || names.every(name => name.length <= most)) return [...names];
  const first = names[0].split('.');
  let shared = first.length - 1;
  for (const name of names) {
    const words = name.split('.');
    let same = 0;
    while (same < shared && same < words.length - 1 && words[same] === first[same]) same++;
    shared = same;
  }
  return names.map(name => (shared ? `…${name.split('.').slice(shared).join('.')}` : name));
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `10⁻³`. */
export function powerOfTen(exponent: number): string {
  const digits = [...String(Math.abs(Math.round(exponent)))].map(digit => SUPERSCRIPTS[Number(digit)]).join('');
  return `10${exponent < 0 ? '⁻' : ''}${digits}`;
}
