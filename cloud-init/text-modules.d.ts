/** Files that esbuild (loader `text`) and Jest (`test/support/text-transform.cjs`) give as their text. */
declare module '*.sh' {
  const text: string;
  export default text;
}
declare module '*.asc' {
  const text: string;
  export default text;
}
declare module '*.conf' {
  const text: string;
  export default text;
}
declare module '*.service' {
  const text: string;
  export default text;
}
declare module '*.yaml' {
  const text: string;
  export default text;
}
