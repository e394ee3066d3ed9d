/** The colours of `paint.ts`; everything else that a terminal would obey. Line ends and tabs stay. */
const COMMANDS = /\u001b\[3[1239]m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * What clusters, journals and error messages say is shown and never obeyed: control characters become what they are
 * called, as in `\u001b`. That is also how JSON writes them, so it stays the same JSON.
 */
export const harmless = (text: string): string =>
  text.replace(COMMANDS, (found) =>
    found.length > 1 ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
