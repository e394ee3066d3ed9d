export interface ArmError {
  code: string;
  message: string;
}

/** ARM nests a deployment in a deployment in an operation; deeper than this nobody has seen, and a cycle ends. */
const MAX_DEPTH = 12;

/**
 * Every error of a body, deepest first. ARM nests them as `details`, or as JSON text inside `message`; Tables write
 * `odata.error` with a message object, Key Vault an `innererror`.
 *
 * ```json
 * {"error":{"code":"DeploymentFailed","message":"At least one…","details":[
 *   {"code":"Conflict","message":"{\"status\":\"Failed\",\"error\":{\"code\":\"ResourceDeploymentFailure\",\"details\":[
 *     {\"code\":\"AllocationFailed\",\"message\":\"Allocation failed. …\"}]}}"}]}}
 * ```
 */
export function flattenArmError(body: unknown, depth = 0): ArmError[] {
  if (!isObject(body) || depth > MAX_DEPTH) return [];
  const wrapped = body['error'] ?? body['odata.error'] ?? body['odataError'];
  if (isObject(wrapped)) return flattenArmError(wrapped, depth + 1);
  const message = messageText(body['message']);
  const nested = [
    ...asArray(body['details']).flatMap((detail) => flattenArmError(detail, depth + 1)),
    ...flattenArmError(body['innererror'] ?? body['innerError'], depth + 1),
    ...flattenArmError(parseObject(message), depth + 1),
  ];
  const code = body['code'];
  return typeof code === 'string' && code !== '' ? [...nested, { code, message }] : nested;
}

function messageText(message: unknown): string {
  if (typeof message === 'string') return message;
  return isObject(message) && typeof message['value'] === 'string' ? message['value'] : '';
}

function parseObject(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const asArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
