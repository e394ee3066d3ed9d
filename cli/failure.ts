import { nextStep } from './next-steps';
import { EXIT, exitOfStatus, type ExitCode } from './exit-codes';

/** The fields of an `application/problem+json` that the CLI shows. */
export interface Problem {
  title: string;
  status: number;
  code: string;
  detail: string;
  correlationId?: string;
  operation?: string;
}

/** The only error that the CLI throws on purpose: code, what happened, what to do next, and how the process ends. */
export class Failure extends Error {
  /** The problem document of the API, which `--json` prints. */
  answer?: unknown;

  constructor(
    readonly code: string,
    message: string,
    readonly next: string,
    readonly exitCode: ExitCode,
  ) {
    super(message);
    this.name = 'Failure';
  }
}

/** Something that the person at the keyboard can put right. */
export const usage = (message: string, next: string): Failure => new Failure('USAGE', message, next, EXIT.usage);

/** The API's refusal in the words of the command line. */
export function refusal(problem: Problem): Failure {
  const { code, title, status, detail } = problem;
  const failure = new Failure(code, detail || title, nextStep(problem), exitOfStatus(status));
  failure.answer = problem;
  return failure;
}
