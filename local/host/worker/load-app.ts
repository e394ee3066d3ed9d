import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FunctionMetadata, LogLine } from '../contract';
import { createRegistry, installCoreModule, type AppRegistry, type Registration } from './core-module';
import { mainFiles } from './main-files';
import type { LoadedApp } from './protocol';
import { applyLocalSettings, readJsonFile, resolveSettings } from './settings';

/** Data that an app's hooks share for the life of the process. */
export interface HookData {
  app: object;
  start: object;
}

export interface App {
  registry: AppRegistry;
  hookData: HookData;
  /** Told to the host. */
  description: LoadedApp;
}

const OFFERED_CAPABILITIES = { RpcHttpBodyOnly: 'true', RawHttpBodyBytes: 'true' };

/** Loads an app as the Azure worker does: settings, every file of `main`, appStart hooks, then no more registering. */
export async function loadApp(appDir: string, log: (line: LogLine) => void): Promise<App> {
  const settings = applyLocalSettings(appDir, process.env);
  const hostJson = resolveSettings(readJsonFile(appDir, 'host.json'), process.env);
  const registry = createRegistry();
  installCoreModule(registry, log);
  await loadMainFiles(appDir);
  if (!registry.model) throw new Error(`The app in ${appDir} never loaded @azure/functions, so it has no functions.`);
  const hookData = { app: {}, start: {} };
  for (const hook of registry.hooks.appStart) await hook(startHookContext(appDir, hookData));
  registry.locked = true;
  const capabilities = (await registry.model.getCapabilities?.({ ...OFFERED_CAPABILITIES })) ?? {};
  const functions = [...registry.functions.values()].map((each) => describeFunction(each.metadata));
  return { registry, hookData, description: { functions, hostJson, settings, httpStreamUrl: capabilities.HttpUri } };
}

async function loadMainFiles(appDir: string): Promise<void> {
  const { main = 'index.js', type } = readJsonFile(appDir, 'package.json') as { main?: string; type?: string };
  const files = mainFiles(appDir, main);
  if (files.length === 0) throw new Error(`No file in ${appDir} matches "main" of its package.json: ${main}`);
  const load = createRequire(join(appDir, 'package.json'));
  for (const file of files) {
    if (file.endsWith('.mjs') || (type === 'module' && !file.endsWith('.cjs'))) await import(pathToFileURL(file).href);
    else load(file);
  }
}

function startHookContext(appDir: string, hookData: HookData): object {
  return { functionAppDirectory: appDir, hookData: hookData.start, appHookData: hookData.app };
}

function describeFunction(registration: Registration): FunctionMetadata {
  const bindings = resolveSettings(registration.bindings, process.env);
  const found = Object.entries(bindings).find(([, binding]) => /trigger$/i.test(binding.type));
  if (!found) throw new Error(`The function '${registration.name}' has no trigger.`);
  const durableClients = Object.keys(bindings).filter((name) => /^durableClient$/i.test(bindings[name]?.type ?? ''));
  return { name: registration.name, bindings, triggerName: found[0], trigger: found[1], durableClients };
}
