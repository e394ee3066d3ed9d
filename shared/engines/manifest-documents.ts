import { LineCounter, parseAllDocuments, type Document } from 'yaml';
import { shapeProblem } from './manifest-shape';

/** A document of a few lines can stand for gigabytes when its aliases are followed. */
const MAX_ALIASES = 100;

/** What is wrong with a manifest, or with one document of it; the message names it. */
export class Broken extends Error {}

/** What the documents of a YAML or JSON text say, without empty ones; `where` names each. Throws Broken. */
export function documentsOf(text: string): { value: unknown; where: string }[] {
  const problem = shapeProblem(text);
  if (problem) throw new Broken(problem);
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: true, merge: true });
  if (!Array.isArray(documents)) return []; // an empty stream
  return documents.flatMap((document, index) => {
    const where = `document ${index + 1} (line ${lines.linePos(document.range?.[0] ?? 0).line})`;
    const value = valueOf(document, where);
    return value === null || value === undefined ? [] : [{ value, where }];
  });
}

function valueOf(document: Document.Parsed, where: string): unknown {
  const [error] = document.errors;
  if (error) throw new Broken(`${where}: ${(error.message.split('\n')[0] ?? '').replace(/:$/, '')}`);
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    throw new Broken(`${where}: has more aliases than can be followed`);
  }
}
