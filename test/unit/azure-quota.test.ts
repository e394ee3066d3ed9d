import { partsOfSize } from '../../shared/azure/quota';

it.each([
  ['Standard_B2s', 2, 'standardbsfamily'],
  ['Standard_B2ms', 2, 'standardbsfamily'],
  ['Standard_B4ls_v2', 4, 'standardbsv2family'],
  ['Standard_D4s_v3', 4, 'standarddsv3family'],
  ['Standard_D4as_v5', 4, 'standarddasv5family'],
  ['Standard_D2_v5', 2, 'standarddv5family'],
  ['Standard_E8-4ds_v5', 8, 'standardedsv5family'],
  ['Standard_F16s_v2', 16, 'standardfsv2family'],
  ['Standard_DS2_v2', 2, 'standarddsv2family'],
])('%s counts %i cores in %s', (size, cores, family) => {
  const parts = partsOfSize(size);
  expect(parts?.cores).toBe(cores);
  expect(parts?.families).toContain(family);
});

it.each(['', 'Basic', 'Standard_', 'standard_b2s', 'Standard_B2s; rm'])('"%s" is no size to judge', (size) => {
  expect(partsOfSize(size)).toBeUndefined();
});
