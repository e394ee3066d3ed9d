/** Workloads and rebalancing. */
export const workloadActivities = {};
