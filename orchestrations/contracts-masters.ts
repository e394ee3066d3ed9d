/** What is done to masters, and what masters are asked to do. */
export const masterActivities = {};
