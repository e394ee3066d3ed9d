import type { SimResponse } from '../http';

export interface ErrorBody {
  code: string;
  message: string;
  target?: string;
  details?: ErrorBody[];
  innererror?: { code: string };
}

/** An answer of Azure that is an error: thrown anywhere below the router, which turns it into a response. */
export class ArmError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly extra: { details?: ErrorBody[]; target?: string; headers?: Record<string, string>; inner?: string } = {},
  ) {
    super(message);
  }

  get body(): ErrorBody {
    const { details, target, inner } = this.extra;
    return {
      code: this.code,
      message: this.message,
      ...(target && { target }),
      ...(details && { details }),
      ...(inner && { innererror: { code: inner } }),
    };
  }

  get response(): SimResponse {
    return { status: this.status, headers: this.extra.headers, body: { error: this.body } };
  }
}

export const badRequest = (code: string, message: string, target?: string): ArmError =>
  new ArmError(400, code, message, target ? { target } : {});

export const conflict = (code: string, message: string): ArmError => new ArmError(409, code, message);

export const groupNotFound = (name: string): ArmError =>
  new ArmError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`);

export const resourceNotFound = (type: string, name: string, group: string): ArmError =>
  new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );

export const preconditionFailed = (id: string): ArmError =>
  new ArmError(
    412,
    'PreconditionFailed',
    `The condition of the request headers was not met: the etag of '${id}' is another one.`,
  );

export const asArmError = (error: unknown): ArmError =>
  error instanceof ArmError
    ? error
    : new ArmError(500, 'InternalServerError', error instanceof Error ? (error.stack ?? error.message) : String(error));
