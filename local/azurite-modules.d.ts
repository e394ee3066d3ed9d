/** The parts of Azurite that `local/azurite.ts` uses; its package declares no types for them. */
declare module 'azurite/dist/src/table/TableConfiguration' {
  export default class TableConfiguration {
    constructor(...settings: unknown[]);
  }
}

declare module 'azurite/dist/src/table/TableServer' {
  import type TableConfiguration from 'azurite/dist/src/table/TableConfiguration';
  export default class TableServer {
    constructor(configuration: TableConfiguration);
    start(): Promise<void>;
    close(): Promise<void>;
  }
}

/** Comes with Azurite; tests of its file use it as Azurite does. */
declare module 'lokijs' {
  const Loki: new (file: string, options: object) => unknown;
  export default Loki;
}
