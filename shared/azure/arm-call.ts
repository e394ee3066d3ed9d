import { AppError } from '../model/errors';
import type { ArmRequest, ArmResponse, AzureClients } from './clients';
import { describe, failureOf, meaningOf, translated } from './errors';

/**
 * One request for which a whole SDK client would be loaded for nothing: such clients are megabytes, and each start of the app
 * reads them. Gives the parsed body, or undefined when Azure answers 404; throws what the table of errors says.
 */
export async function armCall(clients: AzureClients, request: ArmRequest): Promise<unknown> {
  const answer = await translated(() => clients.sendArm(request));
  if (answer.status === 404) return undefined;
  if (answer.status >= 400) throw failedCall(answer);
  return answer.body;
}

function failedCall({ status, body, retryAfterMs }: ArmResponse): AppError {
  const failure = failureOf(status, body, retryAfterMs);
  return new AppError(meaningOf(failure)?.code ?? 'INTERNAL', describe(failure), { retryAfterMs });
}
