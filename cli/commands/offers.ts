import type { Command } from 'commander';
import type { z } from 'zod';
import type { ImageList, LocationList, SizeList } from '../../shared/api';
import { tableLines, type Column } from '../output/table';
import type { Session } from '../session';
import { FIRST_SPEC } from '../spec';

/** What Azure has to offer. */
export function addOffers(program: Command, session: Session): void {
  const { terminal } = session;
  const offer = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .option('--json', 'print the JSON that the API answers, and nothing else');
  const there = (name: string, description: string): Command =>
    offer(name, description).option('--location <name>', 'a location of Azure', FIRST_SPEC.location);
  offer('locations', 'locations of Azure that can be used').action(async ({ json }: { json?: true }) => {
    const { body } = await session.client().call('listLocations', { params: {} });
    if (json) return terminal.print(JSON.stringify(body, null, 2));
    for (const line of tableLines(LOCATIONS, body.locations, terminal)) terminal.print(line);
  });
  there('sizes', 'sizes of machines, with what is left of the quota').action(async ({ json, location }: Where) => {
    const { body } = await session.client().call('listSizes', { params: { location } });
    if (json) return terminal.print(JSON.stringify(body, null, 2));
    for (const line of tableLines(SIZES, body.sizes, terminal)) terminal.print(line);
  });
  there('images', 'images of the operating system, newest first').action(async ({ json, location }: Where) => {
    const { body } = await session.client().call('listImages', { params: { location } });
    if (json) return terminal.print(JSON.stringify(body, null, 2));
    for (const line of tableLines(IMAGES, body.images, terminal)) terminal.print(line);
  });
}

interface Where {
  json?: true;
  location: string;
}

const LOCATIONS: Column<z.output<typeof LocationList>['locations'][number]>[] = [
  { title: 'LOCATION', value: ({ name }) => name },
  { title: 'NAME', value: ({ displayName }) => displayName, shrinkTo: 20, dropAt: 1 },
];

const SIZES: Column<z.output<typeof SizeList>['sizes'][number]>[] = [
  { title: 'SIZE', value: ({ name }) => name },
  { title: 'CORES', value: ({ cores }) => cores },
  { title: 'MEMORY', value: ({ memoryGiB }) => `${memoryGiB} GiB` },
  {
    title: 'CORES LEFT',
    value: ({ quota }) => (quota ? `${quota.limit - quota.used} of ${quota.limit}` : '-'),
    dropAt: 1,
  },
];

const IMAGES: Column<z.output<typeof ImageList>['images'][number]>[] = [
  { title: 'OFFER', value: ({ offer }) => offer, dropAt: 1 },
  { title: 'SKU', value: ({ sku }) => sku },
  { title: 'VERSION', value: ({ version }) => version },
  { title: 'PUBLISHER', value: ({ publisher }) => publisher, dropAt: 2 },
];
