import Table from 'cli-table3';
import type { Terminal } from './terminal';

export interface Column<Row> {
  title: string;
  value(row: Row): string | number;
  /** May be cut down to this many characters when the terminal is narrow; without it the column is shown whole. */
  shrinkTo?: number;
  /** Left out when it does not fit otherwise, the highest first; columns without it stay. */
  dropAt?: number;
  /** For terminals with colours. */
  paint?(text: string, row: Row): string;
}

/** Blanks between columns. */
const GAP = 2;

/**
 * Lines of a table that fit the terminal: columns are first cut short, then left out, never wrapped.
 * A column in which nothing stands is left out too. Empty without rows.
 */
export function tableLines<Row>(columns: Column<Row>[], rows: Row[], { width, colours }: Look): string[] {
  if (rows.length === 0) return [];
  const cells = (column: Column<Row>): string[] => rows.map((row) => oneLine(column.value(row)));
  const filled = columns.filter((column) => cells(column).some((text) => text !== ''));
  const { shown, widths } = fit(filled, cells, width);
  const table = new Table({
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    head: shown.map(({ title }) => title),
    colWidths: widths,
  });
  const texts = shown.map(cells);
  rows.forEach((row, index) =>
    table.push(
      shown.map(({ paint }, at) => painted(cut(texts[at]![index]!, widths[at]!), colours ? paint : undefined, row)),
    ),
  );
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

type Look = Pick<Terminal, 'width' | 'colours'>;

const oneLine = (value: string | number): string =>
  // What comes from the cluster is shown, never obeyed: no control character reaches the terminal.

  String(value).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');

/** The gap is part of a column's width. */
const cut = (text: string, width: number): string =>
  text.length > width - GAP ? `${text.slice(0, width - GAP - 1)}…` : text;

const painted = <Row>(text: string, paint: Column<Row>['paint'], row: Row): string => paint?.(text, row) ?? text;

function fit<Row>(
  columns: Column<Row>[],
  cells: (column: Column<Row>) => string[],
  limit = Infinity,
): { shown: Column<Row>[]; widths: number[] } {
  const natural = (column: Column<Row>): number =>
    Math.max(column.title.length, ...cells(column).map((text) => text.length)) + GAP;
  const widths = columns.map(natural);
  const sum = (): number => widths.reduce((total, each) => total + each, -GAP);
  for (const [at, { title, shrinkTo }] of columns.entries()) {
    const excess = sum() - limit;
    const least = Math.max(shrinkTo ?? Infinity, title.length) + GAP;
    if (excess > 0) widths[at] = Math.max(Math.min(widths[at]!, least), widths[at]! - excess);
  }
  const victim = sum() > limit ? lastToStay(columns) : undefined;
  if (victim)
    return fit(
      columns.filter((column) => column !== victim),
      cells,
      limit,
    );
  return { shown: columns, widths };
}

function lastToStay<Row>(columns: Column<Row>[]): Column<Row> | undefined {
  const droppable = columns.filter(({ dropAt }) => dropAt !== undefined);
  return droppable.sort((a, b) => b.dropAt! - a.dropAt!)[0];
}

const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((name) => [name, '']),
);
