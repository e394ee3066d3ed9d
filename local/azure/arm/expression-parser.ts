/** Syntax tree of an ARM template expression. */
export type Expression =
  | { kind: 'literal'; value: string | number }
  | { kind: 'call'; name: string; args: Expression[] }
  | { kind: 'member'; of: Expression; name: Expression };

const TOKEN = /\s*(?:('(?:[^']|'')*')|(-?\d+)|([A-Za-z_][\w]*)|([().,[\]]))/y;

/** Parses what stands between the brackets of `[concat('a', parameters('b').c[0])]`. Throws on a syntax error. */
export function parseExpression(source: string): Expression {
  const tokens = tokenize(source);
  let at = 0;
  const peek = (): string | undefined => tokens[at];
  const expect = (token: string): void => {
    if (tokens[at] !== token)
      throw new Error(`Expected '${token}' but found '${tokens[at] ?? 'the end'}' in '${source}'`);
    at += 1;
  };

  const expression = (): Expression => {
    let tree = primary();
    for (;;) {
      if (peek() === '.') {
        at += 1;
        tree = { kind: 'member', of: tree, name: { kind: 'literal', value: tokens[at++] ?? '' } };
      } else if (peek() === '[') {
        at += 1;
        tree = { kind: 'member', of: tree, name: expression() };
        expect(']');
      } else return tree;
    }
  };
  const primary = (): Expression => {
    const token = tokens[at++];
    if (token === undefined) throw new Error(`The expression '${source}' ends too early`);
    if (token.startsWith("'")) return { kind: 'literal', value: token.slice(1, -1).replace(/''/g, "'") };
    if (/^-?\d/.test(token)) return { kind: 'literal', value: Number(token) };
    if (!/^[A-Za-z_]/.test(token)) throw new Error(`Unexpected '${token}' in '${source}'`);
    expect('(');
    return { kind: 'call', name: token, args: callArguments() };
  };
  const callArguments = (): Expression[] => {
    const args: Expression[] = [];
    while (peek() !== ')') {
      args.push(expression());
      if (peek() !== ',') break;
      at += 1;
    }
    expect(')');
    return args;
  };

  const tree = expression();
  if (at < tokens.length) throw new Error(`Unexpected '${peek()}' in '${source}'`);
  return tree;
}

function tokenize(source: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let position = 0; source.slice(position).trim() !== ''; position = TOKEN.lastIndex) {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(source);
    if (!match) throw new Error(`Unexpected '${source.slice(position).trim()[0]}' in '${source}'`);
    tokens.push(match[0].trim());
  }
  return tokens;
}
