import { usage } from '../failure';

/** Sizes that `resize up` and `resize down` go along: burstable first, then the general-purpose ones that every region has. */
export const SIZES = ['Standard_B2s', 'Standard_D2s_v5', 'Standard_D4s_v5', 'Standard_D8s_v5'];

/** The next one up or down. Throws at the ends, and for a size that is not among them. */
export function neighbour(size: string, direction: 'up' | 'down'): string {
  const at = SIZES.findIndex((each) => each.toLowerCase() === size.toLowerCase());
  const next = at < 0 ? undefined : SIZES[at + (direction === 'up' ? 1 : -1)];
  if (next) return next;
  throw usage(
    at < 0
      ? `${size} is none of ${SIZES.join(', ')}`
      : `there is nothing ${direction} from ${size} among ${SIZES.join(', ')}`,
    'name the size: starling resize Standard_…; starling sizes lists them',
  );
}
