/** Shapes of everything that crosses HTTP (design §4). Unknown fields are an error everywhere. */
export * from './api/spec';
export * from './api/requests';
export * from './api/chaos';
export * from './api/workloads';
export * from './api/attested';
export * from './api/answers';
export * from './api/present';
export { engineVersion } from './api/fields';
