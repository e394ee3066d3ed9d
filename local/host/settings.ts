import type { AppWorker, FunctionMetadata, LogLine } from './contract';

/** App settings by name: what the app's environment holds. */
export type Settings = Readonly<Record<string, string | undefined>>;

/** `AzureWebJobs.<function>.Disabled`; where a dot cannot be written in a variable's name, `__` stands for it. */
export function isDisabled(settings: Settings, functionName: string): boolean {
  const value =
    settings[`AzureWebJobs.${functionName}.Disabled`] ?? settings[`AzureWebJobs__${functionName}__Disabled`];
  return value !== undefined && /^(true|1)$/i.test(value.trim());
}

/** The app as the rest of the host may see it: a disabled function is not there, whatever triggers it. */
export function withoutDisabled(worker: AppWorker, settings: Settings): AppWorker {
  const isEnabled = ({ name }: FunctionMetadata): boolean => !isDisabled(settings, name);
  return {
    get functions() {
      return worker.functions.filter(isEnabled);
    },
    get hostJson() {
      return worker.hostJson;
    },
    get settings() {
      return worker.settings;
    },
    get httpStreamUrl() {
      return worker.httpStreamUrl;
    },
    find(name) {
      const found = worker.find(name);
      return found && isEnabled(found) ? found : undefined;
    },
    invoke: (invocation) => worker.invoke(invocation),
    orchestrate: (turn) => worker.orchestrate(turn),
    runEntity: (batch) => worker.runEntity(batch),
    setDurableClientBinding: (provide) => worker.setDurableClientBinding(provide),
    stop: (graceMs) => worker.stop(graceMs),
  };
}

const SUPPORTED_BINDINGS = new Set(
  [
    'httpTrigger',
    'http',
    'timerTrigger',
    'eventGridTrigger',
    'orchestrationTrigger',
    'activityTrigger',
    'entityTrigger',
  ]
    .concat(['durableClient', 'orchestrationClient'])
    .map((type) => type.toLowerCase()),
);

/** One warning that names every binding this host does nothing for; a trigger among them never fires. */
export function warnOfUnsupportedBindings(functions: readonly FunctionMetadata[], log: (line: LogLine) => void): void {
  const unsupported = functions.flatMap(({ name, bindings }) =>
    Object.values(bindings)
      .filter(({ type }) => !SUPPORTED_BINDINGS.has(type.toLowerCase()))
      .map(({ type }) => `${name} (${type})`),
  );
  if (unsupported.length === 0) return;
  const message = `These bindings are not supported by this host and stay without effect: ${unsupported.join(', ')}`;
  log({ level: 'warning', category: 'Host.Startup', message });
}
