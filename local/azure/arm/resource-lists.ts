import type { Core } from '../core';
import { apiVersionsOf } from './api-versions';
import type { Engine } from './engine';
import { groupNotFound } from './errors';
import { tagFilter, type Groups } from './groups';
import { groupId } from './ids';
import { shownLocations } from './locations';
import type { Resource } from './resources';
import { param, type Route } from './routes';

/** Listings across types: what a subscription or a group holds, and the providers themselves. */
export function resourceListRoutes(core: Core, engine: Engine, groups: Groups): Route[] {
  const { settings, resources } = core;
  const topLevel = (resource: Resource): boolean =>
    resource.type.split('/').length === 2 || /systemTopics$/i.test(resource.type);
  const brief = ({ id, name, type, location, tags, extra }: Resource): object => ({
    id,
    name,
    type,
    location,
    tags,
    ...extra,
  });
  const subscription = '/subscriptions/{subscription}';
  const shownSubscription = {
    id: `/subscriptions/${settings.subscriptionId}`,
    subscriptionId: settings.subscriptionId,
    tenantId: settings.tenantId,
    displayName: 'local',
    state: 'Enabled',
  };
  const provider = (namespace: string): object => ({
    id: `/subscriptions/${settings.subscriptionId}/providers/${namespace}`,
    namespace,
    registrationState: 'Registered',
    resourceTypes: engine.types
      .all()
      .filter(({ type }) => type.toLowerCase().startsWith(`${namespace.toLowerCase()}/`))
      .map(({ type }) => ({
        resourceType: type.split('/').slice(1).join('/'),
        locations: [],
        apiVersions: [...apiVersionsOf(type)].reverse(),
      })),
  });
  const namespaces = (): string[] => [...new Set(engine.types.all().map(({ type }) => type.split('/')[0] ?? ''))];

  return [
    { method: 'GET', path: subscription, run: () => ({ status: 200, body: shownSubscription }) },
    {
      method: 'GET',
      path: `${subscription}/locations`,
      run: () => ({ status: 200, body: { value: shownLocations(settings.subscriptionId) } }),
    },
    {
      method: 'GET',
      path: `${subscription}/resources`,
      run(exchange) {
        const found = resources.below(`/subscriptions/${settings.subscriptionId}`).filter(topLevel);
        return engine.listed(found.filter(tagFilter(exchange.query.get('$filter'))), exchange, (resource) =>
          brief(resource),
        );
      },
    },
    {
      method: 'GET',
      path: `${subscription}/resourcegroups/{group}/resources`,
      run(exchange) {
        const name = param(exchange, 'group');
        if (!groups.find(name)) throw groupNotFound(name);
        const found = resources.below(groupId(settings.subscriptionId, name)).filter(topLevel);
        return engine.listed(found.filter(tagFilter(exchange.query.get('$filter'))), exchange, (resource) =>
          brief(resource),
        );
      },
    },
    {
      method: 'GET',
      path: `${subscription}/providers`,
      run: () => ({ status: 200, body: { value: namespaces().map(provider) } }),
    },
    {
      method: 'GET',
      path: `${subscription}/providers/{namespace}`,
      run: (exchange) => ({ status: 200, body: provider(param(exchange, 'namespace')) }),
    },
    {
      method: 'POST',
      path: `${subscription}/providers/{namespace}/register`,
      run: (exchange) => ({ status: 200, body: provider(param(exchange, 'namespace')) }),
    },
  ];
}
