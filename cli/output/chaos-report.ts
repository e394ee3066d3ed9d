import type { z } from 'zod';
import type { ChaosReportSchema } from '../../shared/api';
import { clockTime, duration } from './duration';
import { fieldLines } from './fields';
import { paintState } from './paint';
import { tableLines, type Column } from './table';
import type { Terminal } from './terminal';

export type Report = z.output<typeof ChaosReportSchema>;

/** Victims stand in the order in which they were struck, or would be. */
export function reportLines(report: Report, { width, colours }: Look): string[] {
  const { id, verdict, reason, request, before, after, victims } = report;
  const look = { width: width === undefined ? undefined : width - INDENT, colours };
  const fields: [string, string][] = [
    ['report', id],
    ['verdict', colours ? paintState(verdict) : verdict],
    ['why', reason],
    ['action', `${request.action}, ${request.concurrency} at a time`],
    ['seed', `${request.seed}`],
    ['before', steady(before)],
    ['after', steady(after)],
  ];
  const rows = victims.map((victim, at) => ({ ...victim, at: at + 1 }));
  return [...fieldLines(fields, look), ...tableLines(VICTIMS, rows, look)];
}

type Look = Pick<Terminal, 'width' | 'colours'>;

/** Whoever prints the lines below a headline moves them in by so much. */
const INDENT = 2;

function steady(state: Report['before']): string {
  if (!state) return '';
  const { holds, reason, agentsReady, agentsWanted, mastersReady, mastersWanted } = state;
  const ready = `${mastersReady} of ${mastersWanted} masters and ${agentsReady} of ${agentsWanted} agents ready`;
  return holds ? ready : `${ready}: ${reason}`;
}

const time = (milliseconds: number | null): string => (milliseconds === null ? '' : duration(milliseconds));

const VICTIMS: Column<Report['victims'][number] & { at: number }>[] = [
  { title: '#', value: ({ at }) => at },
  { title: 'VICTIM', value: ({ nodeName }) => nodeName, shrinkTo: 12 },
  { title: 'STRUCK', value: ({ struckAt }) => (struckAt ? clockTime(struckAt) : ''), dropAt: 2 },
  { title: 'DETECTED', value: ({ detectedMs }) => time(detectedMs), dropAt: 4 },
  { title: 'REJOINED', value: ({ rejoinedMs }) => time(rejoinedMs), dropAt: 3 },
  { title: 'STEADY', value: ({ steadyMs }) => time(steadyMs) },
  { title: 'PROBLEM', value: ({ problem }) => problem, shrinkTo: 12, dropAt: 1 },
];
