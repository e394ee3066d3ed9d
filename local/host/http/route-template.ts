/**
 * Route templates as ASP.NET writes them:
 *   clusters/{name}/nodes      files/{*path}      items/{id:int}      hello/{name?}      logs/{day:length(10)}-{part}
 */
export interface RouteTemplate {
  text: string;
  /** Compares like the real router's precedence: the smaller, the earlier. */
  precedence: string;
  /** Parameters by name, or nothing when the path does not fit. A missing optional parameter is absent. */
  match(segments: readonly string[]): Record<string, string> | undefined;
}

type Check = (value: string) => boolean;

interface Part {
  literal?: string;
  name?: string;
  catchAll: boolean;
  optional: boolean;
  fallback?: string;
  constrained: boolean;
  check: Check;
}

interface Segment {
  parts: Part[];
  precedence: string;
  pattern: RegExp;
}

const number = (argument: string | undefined): number => Number(argument ?? Number.NaN);
const isInteger =
  (bits: number): Check =>
  (value) =>
    /^[-+]?\d+$/.test(value) && BigInt.asIntN(bits, BigInt(value.replace('+', ''))) === BigInt(value.replace('+', ''));
const isNumber: Check = (value) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value);
const within = (argument: string | undefined, accept: (low: number, high: number) => boolean): boolean => {
  const [low, high] = (argument ?? '').split(',').map(Number);
  return accept(low ?? Number.NaN, high ?? low ?? Number.NaN);
};

/** The constraints that ASP.NET documents, by name. */
const CONSTRAINTS: Record<string, (argument: string | undefined) => Check> = {
  int: () => isInteger(32),
  long: () => isInteger(64),
  bool: () => (value) => /^(true|false)$/i.test(value),
  guid: () => (value) => /^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i.test(value),
  alpha: () => (value) => /^[a-z]*$/i.test(value),
  decimal: () => isNumber,
  double: () => isNumber,
  float: () => isNumber,
  datetime: () => (value) => !Number.isNaN(Date.parse(value)),
  required: () => (value) => value !== '',
  min: (argument) => (value) => isInteger(64)(value) && Number(value) >= number(argument),
  max: (argument) => (value) => isInteger(64)(value) && Number(value) <= number(argument),
  range: (argument) => (value) =>
    isInteger(64)(value) && within(argument, (low, high) => Number(value) >= low && Number(value) <= high),
  length: (argument) => (value) => within(argument, (low, high) => value.length >= low && value.length <= high),
  minlength: (argument) => (value) => value.length >= number(argument),
  maxlength: (argument) => (value) => value.length <= number(argument),
  regex: (argument) => {
    const pattern = new RegExp(argument ?? '', 'i');
    return (value) => pattern.test(value);
  },
};

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Splits on `separator` outside of braces and parentheses; a doubled brace inside a constraint stands for one. */
function splitOutside(text: string, separator: string): string[] {
  const pieces = [''];
  let depth = 0;
  for (const char of text) {
    if (char === '{' || char === '(') depth += 1;
    if (char === '}' || char === ')') depth -= 1;
    if (char === separator && depth === 0) pieces.push('');
    else pieces[pieces.length - 1] += char;
  }
  return pieces;
}

function parseConstraint(text: string, template: string): Check {
  const found = /^(\w+)(?:\((.*)\))?$/.exec(text);
  const make = found && CONSTRAINTS[found[1]!.toLowerCase()];
  if (!make) throw new RangeError(`The route '${template}' has the unknown constraint '${text}'.`);
  return make(found[2]?.replaceAll('{{', '{').replaceAll('}}', '}'));
}

/** Sample payload: `*path`, `id:int`, `name?`, `page:int=1`. */
function parseParameter(text: string, template: string): Part {
  const found = /^(\*{0,2})(\w+)(:.*?)?(\?|=[^()]*)?$/.exec(text);
  if (!found) throw new RangeError(`The route '${template}' has the malformed parameter '{${text}}'.`);
  const [, stars, name, constraints, tail] = found;
  const checks = splitOutside(constraints ?? '', ':').filter(Boolean);
  const parsed = checks.map((constraint) => parseConstraint(constraint, template));
  return {
    name: name!,
    catchAll: stars !== '',
    optional: tail === '?' || stars !== '',
    fallback: tail?.startsWith('=') ? tail.slice(1) : undefined,
    constrained: checks.length > 0,
    check: (value) => parsed.every((check) => check(value)),
  };
}

function parseParts(segment: string, template: string): Part[] {
  const parts: Part[] = [];
  let rest = segment;
  while (rest !== '') {
    if (!rest.startsWith('{')) {
      const literal = /^[^{]+/.exec(rest)![0];
      parts.push({ literal, catchAll: false, optional: false, constrained: false, check: () => true });
      rest = rest.slice(literal.length);
      continue;
    }
    const end = closingBrace(rest, template);
    parts.push(parseParameter(rest.slice(1, end), template));
    rest = rest.slice(end + 1);
  }
  return parts;
}

function closingBrace(text: string, template: string): number {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '{') depth += 1;
    if (text[index] === '}' && --depth === 0) return index;
  }
  throw new RangeError(`The route '${template}' has an open brace.`);
}

/** ASP.NET's digits: literal 1, mixed 2, constrained parameter 2, parameter 3, catch-all 4 (constrained) or 5. */
function precedenceOf(parts: readonly Part[]): string {
  const [first] = parts;
  if (parts.length > 1) return '2';
  if (!first || first.literal !== undefined) return '1';
  if (first.catchAll) return first.constrained ? '4' : '5';
  return first.constrained ? '2' : '3';
}

function parseSegment(text: string, template: string): Segment {
  const parts = parseParts(text, template);
  const source = parts.map((part) => (part.literal === undefined ? '(.+?)' : escape(part.literal))).join('');
  return { parts, precedence: precedenceOf(parts), pattern: new RegExp(`^${source}$`, 'is') };
}

function matchSegment(segment: Segment, value: string): Record<string, string> | undefined {
  const found = segment.pattern.exec(value);
  if (!found) return undefined;
  const parameters = segment.parts.filter((part) => part.name !== undefined);
  const values = parameters.map((part, index) => [part.name!, found[index + 1]!] as const);
  return parameters.every((part, index) => part.check(found[index + 1]!)) ? Object.fromEntries(values) : undefined;
}

/** What a segment gives when the path has ended before it. */
function matchAbsent(segment: Segment): Record<string, string> | undefined {
  const [part] = segment.parts;
  if (segment.parts.length !== 1 || part?.name === undefined) return undefined;
  if (part.fallback !== undefined) return { [part.name]: part.fallback };
  return part.optional ? {} : undefined;
}

/** @throws RangeError naming the template, for a constraint or brace that the router would refuse. */
export function parseRouteTemplate(text: string): RouteTemplate {
  const segments = splitOutside(text, '/')
    .filter(Boolean)
    .map((segment) => parseSegment(segment, text));
  return {
    text,
    precedence: segments.map((segment) => segment.precedence).join(''),
    match: (values) => matchSegments(segments, values),
  };
}

function matchSegments(segments: readonly Segment[], values: readonly string[]): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const value = values[index];
    const [part] = segment.parts;
    if (part?.catchAll && value !== undefined) {
      const rest = values.slice(index).join('/');
      return part.check(rest) ? { ...parameters, [part.name!]: rest } : undefined;
    }
    const found = value === undefined ? matchAbsent(segment) : matchSegment(segment, value);
    if (!found) return undefined;
    Object.assign(parameters, found);
  }
  return values.length <= segments.length ? parameters : undefined;
}
