import { ArmError, badRequest } from '../arm/errors';
import { isRegion } from '../arm/locations';
import { page } from '../arm/paging';
import { param, type Exchange, type Route } from '../arm/routes';
import type { SimResponse } from '../http';
import type { Compute } from './compute';
import { shownSize, shownSku, SIZES } from './sizes';

const LOCATION = '/subscriptions/{subscription}/providers/microsoft.compute/locations/{location}';
const IMAGES = `${LOCATION}/publishers/{publisher}/artifacttypes/vmimage/offers/{offer}/skus/{sku}/versions`;

/** What a location offers: sizes, what is used of each quota, images. */
export function offerRoutes(compute: Compute): Route[] {
  const { machines, capacity, core } = compute;
  const get = (path: string, run: Route['run']): Route => ({ method: 'GET', path, run });
  return [
    get(`${LOCATION}/usages`, (exchange) => ({
      status: 200,
      body: { value: capacity.usages(machines.all(), knownLocation(exchange, 'usages')) },
    })),
    get(`${LOCATION}/vmsizes`, (exchange) => {
      knownLocation(exchange, 'vmSizes');
      return { status: 200, body: { value: SIZES.map(shownSize) } };
    }),
    get('/subscriptions/{subscription}/providers/microsoft.compute/skus', (exchange) =>
      listedSkus(exchange, core.settings.baseUrl()),
    ),
    get(IMAGES, listedImages),
  ];
}

function knownLocation(exchange: Exchange, type: string): string {
  const location = param(exchange, 'location').toLowerCase();
  if (isRegion(location)) return location;
  throw badRequest(
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${location}' and API version '${exchange.query.get('api-version')}' for type 'locations/${type}'.`,
  );
}

/** A filter by a location that does not exist finds nothing; without a filter Azure lists all of its regions. */
function listedSkus({ query, request }: Exchange, baseUrl: string): SimResponse {
  const filter = query.get('$filter');
  const location = filter === null ? 'westeurope' : /^location eq '([^']+)'$/i.exec(filter)?.[1]?.toLowerCase();
  if (location === undefined)
    throw badRequest('InvalidParameter', `The filter '${filter}' is not supported.`, '$filter');
  const skus = isRegion(location) ? [...SIZES].sort((a, b) => (a.name < b.name ? -1 : 1)) : [];
  const found = page(skus, ({ name }) => name, request, baseUrl);
  const body = { ...found, value: [...found.value.map((size) => shownSku(size, location)), diskSku(location)] };
  return { status: 200, body };
}

/** Whatever has SKUs is in the list, not only machines. */
const diskSku = (location: string): object => ({
  resourceType: 'disks',
  name: 'StandardSSD_LRS',
  size: 'E10',
  locations: [location],
  capabilities: [],
  restrictions: [],
});

/** Canonical keeps about this many versions of an image. */
const VERSIONS = ['202502210', '202505020', '202508010', '202509110', '202510010', '202511040'].map(
  (date) => `24.04.${date}`,
);
const IMAGE_SKUS = ['minimal', 'server', 'server-arm64', 'server-gen1'];

/** Oldest first, unless it is asked otherwise; only as many as are asked for. */
function listedImages(exchange: Exchange): SimResponse {
  const location = knownLocation(exchange, 'publishers');
  const publisher = param(exchange, 'publisher');
  const offer = param(exchange, 'offer');
  const sku = param(exchange, 'sku');
  if (publisher !== 'Canonical' || offer !== 'ubuntu-24_04-lts' || !IMAGE_SKUS.includes(sku)) {
    throw new ArmError(
      404,
      'NotFound',
      `Artifact: VMImage was not found. (publisher ${publisher}, offer ${offer}, sku ${sku})`,
    );
  }
  const newestFirst = /^name desc$/i.test(exchange.query.get('$orderby') ?? '');
  const versions = newestFirst ? [...VERSIONS].reverse() : VERSIONS;
  const top = Number(exchange.query.get('$top') ?? versions.length);
  const base = exchange.request.url.pathname;
  const shown = versions.slice(0, top).map((name) => ({ location, name, id: `${base}/${name}` }));
  return { status: 200, body: shown };
}
