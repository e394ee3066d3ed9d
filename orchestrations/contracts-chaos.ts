/** Chaos runs. */
export const chaosActivities = {};
