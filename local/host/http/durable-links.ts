export interface DurableLinksOptions {
  hubName: string;
  /** Origin of the host as callers see it, such as `http://127.0.0.1:7071`. */
  origin: string;
  /** Of the loopback listener that only the app's own process knows; ends in `/`. */
  rpcBaseUrl: string;
  systemKey: string;
}

const INSTANCE_ID = 'INSTANCEID';
const REASON = '?reason={text}&';

/** URLs by which an instance is watched and steered; each carries the extension's system key. */
export function managementUrls(
  { hubName, origin, systemKey }: DurableLinksOptions,
  instanceId: string,
): Record<string, string> {
  const query = `taskHub=${encodeURIComponent(hubName)}&connection=Storage&code=${systemKey}`;
  const instance = `${origin}/runtime/webhooks/durabletask/instances/${instanceId}`;
  return {
    id: instanceId,
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate${REASON}${query}`,
    rewindPostUri: `${instance}/rewind${REASON}${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend${REASON}${query}`,
    resumePostUri: `${instance}/resume${REASON}${query}`,
  };
}

/** JSON text of a `durableClient` binding, as durable-functions 3 reads it (`OrchestrationClientInputData`). */
export function durableClientBinding(options: DurableLinksOptions): string {
  const { hubName, origin, rpcBaseUrl, systemKey } = options;
  const baseUrl = `${origin}/runtime/webhooks/durabletask`;
  const query = `taskHub=${encodeURIComponent(hubName)}&connection=Storage&code=${systemKey}`;
  const creation = `${baseUrl}/orchestrators/{functionName}[/{instanceId}]`;
  return JSON.stringify({
    taskHubName: hubName,
    baseUrl,
    requiredQueryStringParameters: `code=${systemKey}`,
    rpcBaseUrl,
    creationUrls: {
      createNewInstancePostUri: `${creation}?${query}`,
      createAndWaitOnNewInstancePostUri: `${creation}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&${query}`,
    },
    managementUrls: managementUrls(options, INSTANCE_ID),
  });
}
