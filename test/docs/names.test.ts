import { activities, orchestrations } from '../../orchestrations/contracts';
import { ROUTES } from '../../shared/routes';

/** Each is a function of the app, and the host refuses an app in which two have the same name, however they are spelled. */
test('no two of routes, orchestrations and activities have the same name', () => {
  const names = [...Object.keys(ROUTES), ...Object.values(orchestrations), ...Object.values(activities)].map((item) =>
    (typeof item === 'string' ? item : item.name).toLowerCase(),
  );
  const taken = names.filter((name, index) => names.indexOf(name) !== index);
  expect(taken).toEqual([]);
});
