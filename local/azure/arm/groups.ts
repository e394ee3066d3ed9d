import type { Core } from '../core';
import { isObject, textAt } from '../json';
import type { SimResponse } from '../http';
import { ArmError, badRequest, conflict, groupNotFound } from './errors';
import { groupId } from './ids';
import { isRegion } from './locations';
import { page } from './paging';
import { param, type Exchange, type Route } from './routes';

export interface Group {
  name: string;
  location: string;
  tags: Record<string, string>;
  state: 'Succeeded' | 'Deleting';
  createdAt: string;
}

/** What a group's deletion takes down with it; each call begins, and `left` tells how many resources still stand. */
export interface GroupContents {
  beginRemoval(groupId: string): void;
  left(groupId: string): number;
}

export interface Groups {
  routes: Route[];
  find(name: string): Group | undefined;
  /** The group, or the error that a write into it gets. */
  writable(name: string): Group;
  list(): Group[];
}

const COLLECTION = 'groups';
const SWEEP = 'group-sweep';
const SWEEP_EVERY_MS = 5_000;
const NAME = /^[-\w._()]{1,90}$/;

export function createGroups(core: Core, contents: GroupContents): Groups {
  const { store, clock, scheduler, settings, chance, latencies } = core;
  const find = (name: string): Group | undefined => store.get<Group>(COLLECTION, name.toLowerCase());
  const list = (): Group[] => store.list<Group>(COLLECTION).map(([, group]) => group);
  const id = (name: string): string => groupId(settings.subscriptionId, name);
  const shown = (group: Group): object => ({
    id: id(group.name),
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.location,
    tags: group.tags,
    properties: { provisioningState: group.state },
  });
  const existing = (exchange: Exchange): Group => {
    const group = find(param(exchange, 'group'));
    if (!group) throw groupNotFound(param(exchange, 'group'));
    return group;
  };

  scheduler.on<{ name: string }>(SWEEP, ({ name }) => {
    if (contents.left(id(name)) > 0) {
      scheduler.schedule(SWEEP, name.toLowerCase(), clock.now() + SWEEP_EVERY_MS, { name });
      return;
    }
    store.delete(COLLECTION, name.toLowerCase());
  });

  const put = (exchange: Exchange): SimResponse => {
    const name = param(exchange, 'group');
    const before = find(name);
    const location = textAt(exchange.body, 'location')?.replace(/ /g, '').toLowerCase();
    checkWritable(name, before, location);
    const group: Group = {
      name: before?.name ?? name,
      location: before?.location ?? location ?? '',
      tags: isObject(exchange.body.tags) ? (exchange.body.tags as Record<string, string>) : {},
      state: 'Succeeded',
      createdAt: before?.createdAt ?? new Date(clock.now()).toISOString(),
    };
    store.put(COLLECTION, name.toLowerCase(), group);
    return { status: before ? 200 : 201, body: shown(group) };
  };
  const remove = (exchange: Exchange): SimResponse => {
    const group = existing(exchange);
    store.put(COLLECTION, group.name.toLowerCase(), { ...group, state: 'Deleting' });
    if (group.state !== 'Deleting') {
      contents.beginRemoval(id(group.name));
      const at = clock.now() + chance.within(latencies.resourceGroup, `delete/${group.name}`);
      scheduler.schedule(SWEEP, group.name.toLowerCase(), at, { name: group.name });
    }
    return pending(core, group.name);
  };

  const path = '/subscriptions/{subscription}/resourcegroups/{group}';
  return {
    find,
    list,
    writable(name) {
      const group = find(name);
      if (!group) throw groupNotFound(name);
      if (group.state === 'Deleting') throw beingDeleted(name);
      return group;
    },
    routes: [
      { method: 'PUT', path, run: put },
      { method: 'PATCH', path, run: (exchange) => patch(exchange, existing(exchange)) },
      { method: 'GET', path, run: (exchange) => ({ status: 200, body: shown(existing(exchange)) }) },
      { method: 'HEAD', path, run: (exchange) => ({ status: find(param(exchange, 'group')) ? 204 : 404 }) },
      { method: 'DELETE', path, run: remove },
      { method: 'GET', path: '/subscriptions/{subscription}/resourcegroups', run: listed },
      { method: 'GET', path: '/subscriptions/{subscription}/operationresults/{token}', run: result },
    ],
  };

  function patch(exchange: Exchange, group: Group): SimResponse {
    if (group.state === 'Deleting') throw beingDeleted(group.name);
    const tags = isObject(exchange.body.tags) ? (exchange.body.tags as Record<string, string>) : group.tags;
    store.put(COLLECTION, group.name.toLowerCase(), { ...group, tags });
    return { status: 200, body: shown({ ...group, tags }) };
  }
  function listed({ request, query }: Exchange): SimResponse {
    const groups = list().filter(tagFilter(query.get('$filter')));
    return {
      status: 200,
      body: mapped(
        page(groups, (group) => group.name.toLowerCase(), request, settings.baseUrl()),
        shown,
      ),
    };
  }
  function result(exchange: Exchange): SimResponse {
    const name = Buffer.from(param(exchange, 'token'), 'base64url')
      .toString()
      .replace(/^delete:/, '');
    return find(name) ? pending(core, name) : { status: 200 };
  }
}

function checkWritable(name: string, before: Group | undefined, location: string | undefined): void {
  if (!NAME.test(name) || name.endsWith('.')) {
    throw badRequest(
      'InvalidResourceGroup',
      `The provided resource group name '${name}' has these invalid characters or ends in a period.`,
    );
  }
  if (before?.state === 'Deleting') throw beingDeleted(name);
  if (!location && !before)
    throw badRequest('LocationRequired', 'The location property is required for this definition.');
  if (location && !isRegion(location)) {
    throw badRequest(
      'LocationNotAvailableForResourceGroup',
      `The provided location '${location}' is not available for resource group.`,
    );
  }
  if (before && location && before.location !== location) {
    throw conflict(
      'InvalidResourceGroupLocation',
      `Invalid resource group location '${location}'. The Resource group already exists in location '${before.location}'.`,
    );
  }
}

const beingDeleted = (name: string): ArmError =>
  conflict(
    'ResourceGroupBeingDeleted',
    `The resource group '${name}' is in deprovisioning state and cannot perform this operation.`,
  );

function pending(core: Core, name: string): SimResponse {
  const token = Buffer.from(`delete:${name}`).toString('base64url');
  const url = `${core.settings.baseUrl()}/subscriptions/${core.settings.subscriptionId}/operationresults/${token}?api-version=2021-04-01`;
  return { status: 202, headers: { location: url, 'retry-after': '15' } };
}

const TAG_FILTER = /^tagName eq '([^']+)'(?: and tagValue eq '([^']*)')?$/i;

/** `$filter=tagName eq 'a' and tagValue eq 'b'`; also understands `resourceType eq '…'`. */
export function tagFilter(filter: string | null): (item: { tags: Record<string, string>; type?: string }) => boolean {
  if (!filter) return () => true;
  const typed = /^resourceType eq '([^']+)'$/i.exec(filter);
  if (typed) return (item) => item.type?.toLowerCase() === typed[1]?.toLowerCase();
  const match = TAG_FILTER.exec(filter.trim());
  if (!match)
    throw badRequest('InvalidFilterInQueryString', `Invalid $filter '${filter}' specified in the query string.`);
  const [, name, value] = match;
  return ({ tags }) =>
    Object.entries(tags).some(
      ([key, held]) => key.toLowerCase() === name?.toLowerCase() && (value === undefined || held === value),
    );
}

export const mapped = <T>(found: { value: T[]; nextLink?: string }, show: (item: T) => object): object => ({
  ...found,
  value: found.value.map(show),
});
