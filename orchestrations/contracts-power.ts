/** Starting, stopping and renewing machines. */
export const powerActivities = {};
