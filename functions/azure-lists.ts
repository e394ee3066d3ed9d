import type { Call, Reply } from './respond';
import { invalid } from './respond';

/** Nothing of this is kept: what Azure offers changes, and is asked for seldom. */

export async function listLocations({ world }: Call): Promise<Reply> {
  return { status: 200, body: { locations: await world.cloud.listLocations() } };
}

export async function listSizes(call: Call): Promise<Reply> {
  return { status: 200, body: { sizes: await call.world.cloud.listSizes(locationOf(call)) } };
}

export async function listImages(call: Call): Promise<Reply> {
  return { status: 200, body: { images: await call.world.cloud.listImages(locationOf(call)) } };
}

function locationOf({ params }: Call): string {
  const location = params['location'] ?? '';
  if (/^[a-z0-9]{3,40}$/.test(location)) return location;
  throw invalid([
    { field: 'location', message: 'an Azure location such as westeurope; GET /api/locations lists them' },
  ]);
}
