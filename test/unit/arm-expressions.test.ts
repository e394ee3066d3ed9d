import { evaluate, ExpressionError, needsRuntime, type Scope } from '../../local/azure/arm/expressions';

const scope: Scope = {
  subscription: { id: '/subscriptions/s', subscriptionId: 's', tenantId: 't' },
  resourceGroup: { id: '/subscriptions/s/resourceGroups/g', name: 'g', location: 'westeurope' },
  deploymentName: 'd',
  parameters: { name: 'demo', sizes: ['a', 'b'], nested: { Deep: { value: 7 } } },
  variables: { label: "[concat(parameters('name'), '-x')]" },
  reference: (id, full) =>
    id.endsWith('/known') ? (full ? { location: 'here' } : { address: '10.0.0.4' }) : undefined,
  listKeys: () => ({ keys: [{ value: 'k' }] }),
};

describe('template expressions', () => {
  it.each([
    ['plain text', 'plain text'],
    ['[[not an expression]', '[not an expression]'],
    ["[concat('a', parameters('name'))]", 'ademo'],
    ["[concat(parameters('sizes'), createArray('c'))]", ['a', 'b', 'c']],
    ["[variables('label')]", 'demo-x'],
    ["[parameters('nested').deep['value']]", 7],
    ["[parameters('sizes')[1]]", 'b'],
    ["[format('{0}-{1}', 'it''s', add(1, 2))]", "it's-3"],
    [
      "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'n', 'u')]",
      '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/u',
    ],
    [
      "[resourceId('other', 'Microsoft.Compute/virtualMachines', 'v')]",
      '/subscriptions/s/resourceGroups/other/providers/Microsoft.Compute/virtualMachines/v',
    ],
    [
      "[resourceId('s2', 'other', 'Microsoft.Compute/virtualMachines', 'v')]",
      '/subscriptions/s2/resourceGroups/other/providers/Microsoft.Compute/virtualMachines/v',
    ],
    ['[resourceGroup().location]', 'westeurope'],
    ["[reference('/x/known').address]", '10.0.0.4'],
    ["[reference('/x/known', '2024-01-01', 'full').location]", 'here'],
    ["[if(equals(parameters('name'), 'DEMO'), 'yes', reference('/x/unknown'))]", 'yes'],
    ["[base64ToString(base64('ö'))]", 'ö'],
    ["[length(union(createObject('a', 1), createObject('b', 2)))]", 2],
    ["[take(toUpper('abcdef'), 3)]", 'ABC'],
    ["[coalesce(null(), '', 'x')]", ''],
    ["[listKeys('/x').keys[0].value]", 'k'],
    ['[json(\'{"a":[true]}\').a[0]]', true],
  ])('%s', (source, value) => expect(evaluate(source, scope)).toEqual(value));

  it('evaluates at any depth, names of members too', () => {
    const source = { "[concat('a', 'b')]": [{ c: "[parameters('name')]" }], d: 3 };
    expect(evaluate(source, scope)).toEqual({ ab: [{ c: 'demo' }], d: 3 });
  });

  it('gives a unique string of thirteen characters that depends on its arguments only', () => {
    const [one, same, other] = ["[uniqueString('a')]", "[uniqueString('a')]", "[uniqueString('b')]"].map((source) =>
      evaluate(source, scope),
    );
    expect(one).toMatch(/^[a-z2-7]{13}$/);
    expect(one).toBe(same);
    expect(one).not.toBe(other);
  });

  it.each([
    ["[parameters('absent')]", /parameter 'absent' is not found/],
    ["[nonsense('a')]", /'nonsense' is not valid/],
    ["[concat('a']", /Unable to parse/],
    ["[concat('a') trailing]", /Unable to parse/],
    ["[resourceId('Microsoft.Network/virtualNetworks', 'a', 'b')]", /requires '1' resource name/],
    ["[parameters('nested').shallow]", /'shallow' doesn't exist/],
    ["[reference('/x/unknown')]", /not defined in the template/],
  ])('%s is an error that says why', (source, reason) => {
    expect(() => evaluate(source, scope)).toThrow(ExpressionError);
    expect(() => evaluate(source, scope)).toThrow(reason);
  });

  it('knows what must wait for the deployment to run', () => {
    expect(needsRuntime({ a: ["[concat(reference('x').y)]"] })).toBe(true);
    expect(needsRuntime({ a: ["[concat('reference')]", 'reference(x)'] })).toBe(false);
  });
});
