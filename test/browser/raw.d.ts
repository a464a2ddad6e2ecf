/** A file's text, as Vite imports it. */
declare module "*?raw" {
  const source: string;
  export default source;
}
