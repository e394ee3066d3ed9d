import { ClusterSpecSchema } from '../../shared/api';
import { lastTick, scheduleProblem } from '../../shared/ncrontab';

/** Ticks in this time, oldest first. */
function ticks(text: string, timeZone: string, [from, to]: [string, string]): string[] {
  const found: string[] = [];
  const after = Date.parse(from);
  for (let until: number | undefined = Date.parse(to); until !== undefined;) {
    const tick = lastTick(text, timeZone, { after, until });
    if (tick !== undefined) found.unshift(new Date(tick).toISOString().slice(0, 19));
    until = tick === undefined ? undefined : tick - 1;
  }
  return found;
}

describe('a schedule', () => {
  it.each([
    ['every half hour of office hours', '0 */30 9-15 * * 1-5'],
    ['names, in any casing', '0 0 12 * Jan-MAR,dec Mon,fri'],
    ['a start with a step', '30 5/20 * 1 * *'],
    ['February 29', '0 0 0 29 2 *'],
  ])('may be %s', (_, text) => {
    expect(scheduleProblem(text)).toBeUndefined();
  });

  it.each([
    ['five fields', '0 * * * *', /six fields/],
    ['a minute that no hour has', '0 60 * * * *', /got value 60 expected range 0-59/],
    ['a weekday that no week has', '0 0 0 * * 7', /'7' is no day of the week/],
    ['a range that runs backwards', '0 0 15-9 * * *', /Invalid range: 15-9/],
    ['a step of nothing', '0 */0 * * * *', /every 0 time/],
    ['words', 'every now and then it runs', /'every' is no second/],
    ['a day that never comes', '0 0 0 30 2 *', /Invalid explicit day of month/],
  ])('is not %s', (_, text, message) => {
    expect(scheduleProblem(text)).toMatch(message);
    const spec = { engine: 'k3s', location: 'westeurope', chaos: { schedule: text } };
    const issues = ClusterSpecSchema.safeParse(spec).error?.issues;
    expect(issues).toMatchObject([{ path: ['chaos', 'schedule'], message: expect.stringMatching(message) }]);
  });

  it('of evictions needs agents that Azure evicts', () => {
    const spec = (priority: string) => ({
      engine: 'k3s',
      location: 'westeurope',
      agents: { priority },
      chaos: { schedule: '0 0 * * * *', action: 'evict' },
    });
    expect(ClusterSpecSchema.safeParse(spec('Regular')).error?.issues).toMatchObject([{ path: ['chaos', 'action'] }]);
    expect(ClusterSpecSchema.safeParse(spec('Spot')).success).toBe(true);
  });
});

describe('the ticks of a schedule', () => {
  it('are those of its time zone, in summer and in winter', () => {
    const noon = '0 0 12 * * *';
    expect(ticks(noon, 'Europe/Lisbon', ['2026-01-10T00:00:00Z', '2026-01-11T00:00:00Z'])).toEqual([
      '2026-01-10T12:00:00',
    ]);
    expect(ticks(noon, 'Europe/Lisbon', ['2026-07-10T00:00:00Z', '2026-07-11T00:00:00Z'])).toEqual([
      '2026-07-10T11:00:00',
    ]);
    expect(ticks('0 15 9 * * 1', 'Asia/Kolkata', ['2026-02-01T00:00:00Z', '2026-02-03T00:00:00Z'])).toEqual([
      '2026-02-02T03:45:00',
    ]);
  });

  it('need day and weekday to fit', () => {
    const around = (day: string): [string, string] => [`${day}T00:00:00Z`, `${day}T23:00:00Z`];
    const friday13 = '0 0 12 13 * 5';
    expect(ticks(friday13, 'UTC', around('2026-02-13'))).toEqual(['2026-02-13T12:00:00']);
    expect(ticks(friday13, 'UTC', around('2026-01-13'))).toEqual([]);
    expect(ticks(friday13, 'UTC', around('2026-02-20'))).toEqual([]);
  });

  it('leave out an hour that the clocks leave out', () => {
    const night = '0 30 2 * * *';
    expect(ticks(night, 'Europe/Berlin', ['2026-03-28T12:00:00Z', '2026-03-29T12:00:00Z'])).toEqual([]);
  });

  it('may be seconds, and lie in a time that has a beginning but not its first moment', () => {
    const span: [string, string] = ['2026-01-01T00:00:20Z', '2026-01-01T00:01:00Z'];
    expect(ticks('*/20 * * * * *', 'UTC', span)).toEqual(['2026-01-01T00:00:40', '2026-01-01T00:01:00']);
  });
});
