import { Parser, type CST } from 'yaml';

/** Objects of Kubernetes are a fifth as deep. Far beyond, what reads them runs out of stack, and takes the process along. */
const MAX_DEPTH = 100;
/** More than any list or map of an object has; keys are compared each with each. */
const MAX_ENTRIES = 5_000;

/** Why a text is not worth being read as YAML, found without recursion; undefined for any manifest that means something. */
export function shapeProblem(text: string): string | undefined {
  const open = [...new Parser().parse(text)].map((token) => ({ token, depth: 0 }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} deep`;
    if (largestOf(token) > MAX_ENTRIES) return `has more than ${MAX_ENTRIES} entries in one place`;
    for (const below of childrenOf(token)) open.push({ token: below, depth: depth + 1 });
  }
  return undefined;
}

const itemsOf = (token: CST.Token): CST.CollectionItem[] => ('items' in token ? token.items : []);

const childrenOf = (token: CST.Token): CST.Token[] => [
  ...('value' in token && typeof token.value === 'object' ? [token.value] : []),
  ...itemsOf(token).flatMap(({ key, value }) => [key, value].flatMap((child) => child ?? [])),
];

/** Of its entries, and of what may stand before one: tags, anchors, comments. */
const largestOf = (token: CST.Token): number =>
  Math.max(
    'start' in token && Array.isArray(token.start) ? token.start.length : 0,
    itemsOf(token).length,
    ...itemsOf(token)
      .slice(0, MAX_ENTRIES)
      .map(({ start }) => start.length),
  );
