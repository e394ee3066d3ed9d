import { EXIT, exitOfStatus } from '../../cli/exit-codes';
import { refusal } from '../../cli/failure';
import { newLines } from '../../cli/new-lines';
import { clockTime, duration } from '../../cli/output/duration';
import { fieldLines } from '../../cli/output/fields';
import { tableLines, type Column } from '../../cli/output/table';
import { nextStep } from '../../cli/next-steps';
import { ERRORS, type ErrorCode } from '../../shared/model/errors';

interface Row {
  name: string;
  state: string;
  note: string;
}
const COLUMNS: Column<Row>[] = [
  { title: 'NAME', value: ({ name }) => name, shrinkTo: 8 },
  { title: 'STATE', value: ({ state }) => state, paint: (text) => `<${text}>` },
  { title: 'NOTE', value: ({ note }) => note, dropAt: 1 },
];
const ROWS: Row[] = [
  { name: 'a-very-long-name-of-a-node', state: 'ready', note: 'nothing to say' },
  { name: 'b', state: 'notReady', note: '' },
];
const table = (width: number | undefined, rows = ROWS, colours = false): string[] =>
  tableLines(COLUMNS, rows, { width, colours });

describe('a table', () => {
  it('shows everything when it goes into a pipe', () => {
    expect(table(undefined)).toEqual([
      'NAME                        STATE     NOTE',
      'a-very-long-name-of-a-node  ready     nothing to say',
      'b                           notReady',
    ]);
  });

  it('cuts short what may be cut before it leaves out a column', () => {
    expect(table(40)[1]).toBe('a-very-long-n…  ready     nothing to say');
    expect(table(25)).toEqual(['NAME             STATE', 'a-very-long-na…  ready', 'b                notReady']);
  });

  it.each([18, 20, 25, 30, 40, 52, 53, 80, 200])('never exceeds %i columns', (width) => {
    expect(Math.max(...table(width).map((line) => line.length))).toBeLessThanOrEqual(width);
  });

  it('leaves out a column in which nothing stands', () => {
    expect(table(undefined, [ROWS[1]!])[0]).toBe('NAME  STATE');
  });

  it('is nothing without rows', () => {
    expect(table(80, [])).toEqual([]);
  });

  it('paints without changing where the columns are', () => {
    const plain = (line: string): string => line.replaceAll(/[<>]/g, '');
    expect(table(80, ROWS, true)[1]).toContain('<ready>');
    expect(plain(table(80, ROWS, true)[0] ?? '')).toBe(table(80)[0]);
  });

  it('never lets a control character through to the terminal', () => {
    const [, line] = table(undefined, [{ name: 'x\u001b[2Jy\nz', state: 's', note: 'n' }]);
    expect(line).toBe('x [2Jy z  s      n');
  });
});

describe('fields', () => {
  it('stand in one column, broken between words, without those that are empty', () => {
    const lines = fieldLines(
      [
        ['phase', 'degraded'],
        ['why', 'two agents have not come back'],
        ['operation', ''],
      ],
      { width: 22 },
    );
    expect(lines).toEqual(['phase  degraded', 'why    two agents have', '       not come back']);
  });
});

describe('times', () => {
  it.each([
    [0, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [7_260_000, '2 h 1 min'],
    [7_200_000, '2 h'],
    [200_000_000, '2 d 7 h'],
  ])('%i ms are %s', (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

  it('name the day when it is another one', () => {
    const now = new Date('2026-11-22T20:00:00Z');
    expect(clockTime('2026-11-22T14:03:09.123Z', now)).toBe('14:03:09');
    expect(clockTime('2026-11-21T14:03:09.123Z', now)).toBe('2026-11-21 14:03:09');
  });
});

describe('the new lines of a journal', () => {
  it('are those after what was shown before', () => {
    expect(newLines(['a', 'b', 'c'], ['b', 'c', 'd'])).toEqual(['d']);
  });
  it('are none when nothing has come', () => {
    expect(newLines(['a', 'b'], ['a', 'b'])).toEqual([]);
  });
  it('are all when nothing overlaps', () => {
    expect(newLines(['a'], ['x', 'y'])).toEqual(['x', 'y']);
  });
  it('are found although the oldest line was cut off at its beginning', () => {
    expect(newLines(['a', 'a long line', 'c'], ['ng line', 'c', 'd'])).toEqual(['d']);
  });
  it('are right when the same line comes again and again', () => {
    expect(newLines(['x', 'x'], ['x', 'x', 'x'])).toEqual(['x']);
  });
});

describe('a refusal', () => {
  it.each([
    [400, EXIT.usage],
    [401, EXIT.refused],
    [403, EXIT.refused],
    [404, EXIT.notFound],
    [409, EXIT.conflict],
    [413, EXIT.usage],
    [429, EXIT.unavailable],
    [500, EXIT.failed],
    [502, EXIT.unavailable],
    [503, EXIT.unavailable],
  ])('with status %i ends the process with %i', (status, code) => expect(exitOfStatus(status)).toBe(code));

  it.each(Object.keys(ERRORS) as ErrorCode[])('with code %s says on one line what to do next', (code) => {
    expect(nextStep({ code, status: ERRORS[code].status })).toMatch(/^\S.*$/);
  });

  it('by a running operation names the command that waits for it', () => {
    const problem = { title: 'x', status: 409, code: 'OPERATION_IN_PROGRESS', detail: 'y', operation: 'demo.scale.1' };
    expect(refusal(problem).next).toContain('starling operations wait demo.scale.1');
  });
});
