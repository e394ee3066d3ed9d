import type { ErrorObject } from 'ajv';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import type { RawAnswer } from './http';
import type { Json } from './starling';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const DOCUMENT = 'openapi.json';

/** The published OpenAPI document as a contract that answers are held against. */
export class OpenApi {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });

  constructor(readonly document: Json) {
    addFormats(this.ajv);
    this.ajv.addFormat('cidrv4', true); // zod's own name; the pattern beside it says the same
    this.ajv.addSchema({ $id: DOCUMENT, ...document });
  }

  /** `GET /api/clusters/{c}` … */
  operations(): { name: string; pointer: string; operation: Json; path: string }[] {
    return Object.entries<Json>(this.document.paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => ({
        name: `${method.toUpperCase()} ${path}`,
        pointer: `/paths/${escaped(path)}/${method}`,
        operation: item[method],
        path,
      })),
    );
  }

  /** What is wrong with the answer to `GET /api/clusters/{c}`, say; empty when it is as published. */
  faultsOf(name: string, answer: RawAnswer): string[] {
    const { operation, pointer } = this.operations().find((each) => each.name === name)!;
    const status = operation.responses[answer.status] ? `${answer.status}` : 'default';
    const response = operation.responses[status];
    if (!response) return [`${name}: ${answer.status} is not declared`];
    const missing = Object.keys(response.headers ?? {}).filter((header) => !answer.headers.get(header));
    const faults = missing.map((header) => `${name}: ${answer.status} has no header ${header}`);
    if (!response.content) return answer.text === '' ? faults : [...faults, `${name}: ${answer.status} has a body`];
    const type = answer.contentType.split(';')[0] ?? '';
    if (!response.content[type]) return [...faults, `${name}: ${answer.status} is ${type || 'of no type'}`];
    const schema = `${pointer}/responses/${status}/content/${escaped(type)}/schema`;
    const value: unknown = type.endsWith('json') ? answer.body : answer.text;
    return [...faults, ...this.check(schema, value).map((fault) => `${name}: ${answer.status} ${fault}`)];
  }

  /** Compiles the schema at the pointer, which throws unless it is valid JSON Schema 2020-12, and checks the value. */
  check(pointer: string, value: unknown): string[] {
    const validate = this.ajv.compile({
      $ref: `${DOCUMENT}#${encodeURI(pointer).replaceAll('%7B', '{').replaceAll('%7D', '}')}`,
    });
    return validate(value) ? [] : (validate.errors ?? []).map(brief);
  }
}

const escaped = (segment: string): string => segment.replaceAll('~', '~0').replaceAll('/', '~1');
const brief = ({ instancePath, message, params }: ErrorObject): string =>
  `${instancePath || 'body'} ${message} ${JSON.stringify(params)}`;
