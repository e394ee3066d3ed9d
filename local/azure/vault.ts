import type { Core } from './core';
import type { Faults } from './faults';
import type { Handler, SimRequest, SimResponse } from './http';
import { VAULT_AUDIENCES, type Identity } from './identity';
import { isObject, objectAt, valueAt, type JsonObject } from './json';
import type { RequestLog } from './request-log';
import { ArmError, asArmError, badRequest } from './arm/errors';
import { decoded } from './arm/ids';
import { page } from './arm/paging';
import { nextNumber } from './arm/resources';
import {
  isMoving,
  standingOf,
  standsInTheWay,
  type Standing,
  type Transient,
  type Transition,
} from './vault-transitions';

interface SecretVersion {
  version: string;
  value: string;
  contentType?: string;
  tags?: JsonObject;
  attributes: JsonObject;
}

interface Secret extends Transient {
  name: string;
  /** Newest last. */
  versions: SecretVersion[];
}

const COLLECTION = 'secrets';
const NAME = /^[0-9a-zA-Z-]{1,127}$/;
const MAX_VALUE_BYTES = 25_600; // Key Vault's limit for a secret
const RECOVERABLE_DAYS = 90;

/** Secrets of any `*.vault.azure.net`: versions, soft delete, purge. Asks for a token first, as the real one does. */
export function createVault(core: Core, identity: Identity, faults: Faults, log: RequestLog): Handler {
  return async (request) => {
    const answer = await faults.around(request, async () => guarded(() => serve(core, identity, request)));
    log.add(request, answer.status);
    return { ...answer, headers: { 'x-ms-keyvault-region': 'westeurope', ...answer.headers } };
  };
}

function guarded(run: () => SimResponse): SimResponse {
  try {
    return run();
  } catch (error) {
    return asArmError(error).response;
  }
}

function serve(core: Core, identity: Identity, request: SimRequest): SimResponse {
  const challenge = `Bearer authorization="https://login.microsoftonline.com/${core.settings.tenantId}", resource="https://vault.azure.net"`;
  identity.authorize(request, VAULT_AUDIENCES, challenge);
  if (!request.url.searchParams.get('api-version'))
    throw badRequest('BadParameter', 'The api-version query parameter is required.');
  const vault = createSecrets(core, request.url.host);
  const [area, name, third] = request.url.pathname.split('/').filter(Boolean).map(decoded);
  const body = request.body ? (JSON.parse(request.body) as unknown) : {};
  const route = `${request.method} ${area ?? ''}${name ? '/{name}' : ''}${third ? (third === 'versions' || third === 'recover' ? `/${third}` : '/{version}') : ''}`;
  const routes: Record<string, () => SimResponse> = {
    'PUT secrets/{name}': () => vault.set(name ?? '', body),
    'PATCH secrets/{name}/{version}': () => vault.update(name ?? '', third ?? '', body),
    'GET secrets': () => vault.list(request, false),
    'GET secrets/{name}': () => vault.get(name ?? ''),
    'GET secrets/{name}/{version}': () => vault.get(name ?? '', third),
    'GET secrets/{name}/versions': () => vault.versions(name ?? '', request),
    'DELETE secrets/{name}': () => vault.remove(name ?? ''),
    'GET deletedsecrets': () => vault.list(request, true),
    'GET deletedsecrets/{name}': () => vault.getDeleted(name ?? ''),
    'POST deletedsecrets/{name}/recover': () => vault.recover(name ?? ''),
    'DELETE deletedsecrets/{name}': () => vault.purge(name ?? ''),
  };
  const run = routes[route];
  if (!run) throw new ArmError(404, 'NotFound', `${request.method} ${request.url.pathname} is not known.`);
  return run();
}

function createSecrets(core: Core, host: string) {
  const { store, clock, chance, latencies } = core;
  const key = (name: string): string => `${host}/${name.toLowerCase()}`;
  const base = `https://${host}`;
  const find = (name: string): Secret | undefined => store.get<Secret>(COLLECTION, key(name));
  const seconds = (): number => Math.floor(clock.now() / 1_000);
  const idOf = (secret: Secret, version?: SecretVersion): string =>
    `${base}/secrets/${secret.name}${version ? `/${version.version}` : ''}`;
  const standing = (secret: Secret | undefined): Standing => standingOf(secret, clock.now());
  /** The secret as it will be after some seconds; until then most requests are refused. */
  const move = (secret: Secret, to: Transition['to']): Secret => {
    const tookMs = chance.within(latencies.secret, `${to}/${key(secret.name)}/${clock.now()}`);
    const moving = { ...secret, transition: { to, until: clock.now() + tookMs } };
    store.put(COLLECTION, key(secret.name), moving);
    return moving;
  };
  const checkStill = (secret: Secret | undefined, name: string): void => {
    if (isMoving(standing(secret))) throw standsInTheWay(name, standing(secret));
  };
  const living = (name: string): Secret => {
    const secret = find(name);
    if (secret && standing(secret) === 'living') return secret;
    throw new ArmError(
      404,
      'SecretNotFound',
      `A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`,
    );
  };
  const dead = (name: string): Secret => {
    const secret = find(name);
    if (secret && standing(secret) === 'deleted') return secret;
    throw new ArmError(404, 'SecretNotFound', `Deleted Secret not found: ${name}`);
  };
  const newest = (secret: Secret): SecretVersion => {
    const last = secret.versions[secret.versions.length - 1];
    if (!last) throw new Error(`the secret ${secret.name} has no version`);
    return last;
  };
  const bundle = (secret: Secret, version: SecretVersion, withValue: boolean): JsonObject => ({
    ...(withValue && { value: version.value }),
    id: idOf(secret, version),
    attributes: version.attributes,
    ...(version.contentType && { contentType: version.contentType }),
    ...(version.tags && { tags: version.tags }),
  });
  const deletedBundle = (secret: Secret): JsonObject => ({
    ...bundle(secret, newest(secret), false),
    recoveryId: `${base}/deletedsecrets/${secret.name}`,
    deletedDate: Math.floor((secret.deletedAt ?? 0) / 1_000),
    scheduledPurgeDate: Math.floor((secret.deletedAt ?? 0) / 1_000) + RECOVERABLE_DAYS * 86_400,
  });
  const paged = (items: JsonObject[], request: SimRequest): SimResponse => {
    const found = page(items, (item) => String(item.id), request, base);
    return { status: 200, body: { value: found.value, nextLink: found.nextLink ?? null } };
  };

  return {
    set(name: string, body: unknown): SimResponse {
      const value = valueAt(body, 'value');
      if (!NAME.test(name)) throw badRequest('BadParameter', `The request URI contains an invalid name: ${name}`);
      if (typeof value !== 'string') throw badRequest('BadParameter', "The parameter 'value' is required.");
      if (Buffer.byteLength(value) > MAX_VALUE_BYTES)
        throw badRequest('BadParameter', 'The secret value exceeds 25600 bytes.');
      const found = find(name);
      if (!['living', 'gone'].includes(standing(found))) throw standsInTheWay(name, standing(found));
      const before = standing(found) === 'gone' ? undefined : found;
      const version: SecretVersion = {
        version: chance.guid(`secret/${nextNumber(store, 'secret-versions')}`).replace(/-/g, ''),
        value,
        contentType:
          typeof valueAt(body, 'contentType') === 'string' ? String(valueAt(body, 'contentType')) : undefined,
        tags: isObject(valueAt(body, 'tags')) ? objectAt(body, 'tags') : undefined,
        attributes: {
          enabled: true,
          ...objectAt(body, 'attributes'),
          created: seconds(),
          updated: seconds(),
          recoveryLevel: 'Recoverable+Purgeable',
          recoverableDays: RECOVERABLE_DAYS,
        },
      };
      const secret: Secret = { name: before?.name ?? name, versions: [...(before?.versions ?? []), version] };
      store.put(COLLECTION, key(name), secret);
      return { status: 200, body: bundle(secret, version, true) };
    },
    get(name: string, wanted?: string): SimResponse {
      const secret = living(name);
      const version = wanted ? secret.versions.find((one) => one.version === wanted) : newest(secret);
      if (!version)
        throw new ArmError(
          404,
          'SecretNotFound',
          `A secret with (name/id) ${name}/${wanted} was not found in this key vault.`,
        );
      if (version.attributes.enabled === false)
        throw new ArmError(403, 'Forbidden', 'Operation get is not allowed on a disabled secret.');
      return { status: 200, body: bundle(secret, version, true) };
    },
    update(name: string, wanted: string, body: unknown): SimResponse {
      const secret = living(name);
      const version = secret.versions.find((one) => one.version === wanted);
      if (!version)
        throw new ArmError(
          404,
          'SecretNotFound',
          `A secret with (name/id) ${name}/${wanted} was not found in this key vault.`,
        );
      const changed = {
        ...version,
        ...(isObject(body) && isObject(body.tags) && { tags: body.tags }),
        attributes: { ...version.attributes, ...objectAt(body, 'attributes'), updated: seconds() },
      };
      store.put(COLLECTION, key(name), {
        ...secret,
        versions: secret.versions.map((one) => (one.version === wanted ? changed : one)),
      });
      return { status: 200, body: bundle(secret, changed, false) };
    },
    list(request: SimRequest, deleted: boolean): SimResponse {
      const all = store
        .list<Secret>(COLLECTION, `${host}/`)
        .map(([, secret]) => secret)
        .filter((secret) => standing(secret) === (deleted ? 'deleted' : 'living'));
      return paged(
        all.map((secret) =>
          deleted ? deletedBundle(secret) : { ...bundle(secret, newest(secret), false), id: idOf(secret) },
        ),
        request,
      );
    },
    versions(name: string, request: SimRequest): SimResponse {
      const secret = living(name);
      const shown = secret.versions
        .map((version) => bundle(secret, version, false))
        .sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
      return paged(shown, request);
    },
    remove(name: string): SimResponse {
      if (standing(find(name)) === 'being deleted') throw standsInTheWay(name, 'being deleted');
      const secret = move({ ...living(name), deletedAt: clock.now() }, 'deleted');
      return { status: 200, body: deletedBundle(secret) };
    },
    getDeleted: (name: string): SimResponse => ({ status: 200, body: deletedBundle(dead(name)) }),
    recover(name: string): SimResponse {
      checkStill(find(name), name);
      const { deletedAt: _deletedAt, ...rest } = dead(name);
      const secret = move(rest, 'living');
      return { status: 200, body: bundle(secret, newest(secret), false) };
    },
    purge(name: string): SimResponse {
      checkStill(find(name), name);
      move(dead(name), 'gone');
      return { status: 204 };
    },
  };
}
