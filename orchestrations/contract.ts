/** A function known by name whose input and output types travel with it. Inputs and outputs are small plain JSON. */
export interface Contract<Input, Output> {
  readonly name: string;
  /** Only for the type checker. */
  readonly types?: (input: Input) => Output;
}

export const contract = <Input, Output>(name: string): Contract<Input, Output> => ({ name });
