/** The style sheet as text, provided by scripts/bundle.mjs. */
declare module 'wb:style' {
  const text: string;
  export default text;
}
