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
  const failure = new Failure(code, inCommands(detail || title), nextStep(problem), exitOfStatus(status));
  failure.answer = problem;
  return failure;
}

/** The API speaks of its routes; here each is a command. */
const COMMANDS: [route: RegExp, command: string][] = [
  [/GET \/api\/clusters\/([\w-]+)\/nodes/g, 'starling nodes -c $1'],
  [/GET \/api\/clusters\b(?!\/)/g, 'starling status'],
  [/GET \/api\/locations\/([\w-]+)\/sizes/g, 'starling sizes --location $1'],
  [/GET \/api\/locations\b(?!\/)/g, 'starling locations'],
  [/POST \/api\/clusters\/([\w-]+)\/start/g, 'starling start -c $1'],
  [/DELETE \/api\/operations\/([\w.-]+\w)/g, 'starling operations cancel $1'],
];

const inCommands = (detail: string): string =>
  COMMANDS.reduce((text, [route, command]) => text.replace(route, command), detail);
