import { isMap } from './scalars';

/** `$$`, `$NAME`, `${NAME}`, `${NAME-default}`, `${NAME:-default}`; any other dollar sign has no group. */
const VARIABLE =
  /\$(?:(?<dollar>\$)|(?<bare>[a-z_]\w*)|\{(?<braced>[a-z_]\w*)(?:(?<colon>:?)-(?<otherwise>[^${}]*))?\}|.?)/gis;

export type Variables = Record<string, string>;

/** Texts of the tree with their variables filled in. `broken` is told of the first that has no value, by its path. */
export function interpolate(
  tree: unknown,
  variables: Variables,
  broken: (path: string[], why: string) => never,
  path: string[] = [],
): unknown {
  const inner = (value: unknown, key: string): unknown => interpolate(value, variables, broken, [...path, key]);
  if (Array.isArray(tree)) return tree.map((value, index) => inner(value, `${index}`));
  if (isMap(tree)) return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, inner(value, key)]));
  if (typeof tree !== 'string') return tree;
  return tree.replace(VARIABLE, (found: string, ...parts: unknown[]) => {
    const { dollar, bare, braced, colon, otherwise } = parts.at(-1) as Record<string, string | undefined>;
    if (dollar) return '$';
    const name = bare ?? braced;
    if (name === undefined) return broken(path, `has ${found}, which is not understood; a dollar sign is written $$`);
    const value = variables[name];
    if (value !== undefined && (value !== '' || !colon)) return value;
    if (otherwise !== undefined) return otherwise;
    return broken(path, `has the variable ${name}, which has no value here: write the value, or \${${name}:-value}`);
  });
}
