/** One state change and its cause (design §6, invariant 10). Never holds a secret. */
export interface EventRecord {
  cluster: string;
  /** Unique; begins with its time where it can, which keeps it sortable. Writing the same id again is harmless. */
  id: string;
  at: string;
  /** `node.ready`, `operation.started`, `join.refused`, `azure.event` … */
  type: string;
  /** Node name, operation id or empty. */
  subject: string;
  /** `operator`, `event-grid`, `timer`, `node`, `azure`, or an operation id. */
  cause: string;
  message: string;
  /** Further plain facts. */
  data?: Record<string, string | number | boolean>;
}
