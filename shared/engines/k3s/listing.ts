import { isKubeStatus } from './errors';

/** As kubectl's chunks: a page of nodes stays well below a megabyte. */
const PAGE = 500;

interface Page<T> {
  items: T[];
  metadata?: { _continue?: string };
}

/** All pages of a listing. The server forgets where it was after five minutes (410): then it starts again, once. */
export async function listAll<T>(
  read: (page: { limit: number; _continue?: string }) => Promise<Page<T>>,
): Promise<T[]> {
  try {
    return await readPages(read);
  } catch (error) {
    if (isKubeStatus(error, 410)) return readPages(read);
    throw error;
  }
}

async function readPages<T>(read: (page: { limit: number; _continue?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const page = await read({ limit: PAGE, _continue: next });
    items.push(...page.items);
    next = page.metadata?._continue || undefined;
  } while (next);
  return items;
}
