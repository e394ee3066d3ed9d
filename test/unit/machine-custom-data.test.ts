import { gunzipSync, gzipSync } from 'node:zlib';
import { renderCustomData } from '../../cloud-init/render';
import { parseCustomData } from '../../local/vm/custom-data';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('customData, as a simulated machine reads it', () => {
  const rendered = renderCustomData({
    role: 'master',
    engine: 'k3s',
    appUrl: 'https://app.example/',
    cluster: 'blue',
    version: 'v1.36.2+k3s1',
    ssh: null,
  });

  it.each([
    ['gzipped, as it is', rendered],
    ['in the clear', gunzipSync(Buffer.from(rendered, 'base64')).toString('base64')],
  ])('gives the settings and the manifests of a master, %s', (_, customData) => {
    const { environment, files } = parseCustomData(customData);
    expect(environment).toMatchObject({
      STARLING_URL: 'https://app.example',
      STARLING_CLUSTER: 'blue',
      STARLING_ROLE: 'master',
      STARLING_ENGINE: 'k3s',
    });
    expect(files.find(({ path }) => path.endsWith('starling-rbac.yaml'))?.content).toContain('kind: ServiceAccount');
  });

  it('decodes files that are encoded one by one', () => {
    const content = gzipSync('STARLING_URL="https://app.example"\n# a comment\n').toString('base64');
    const config = `#cloud-config\nwrite_files:\n- path: /etc/starling/node.env\n  encoding: gz+b64\n  content: ${content}\n`;
    expect(parseCustomData(base64(config)).environment).toEqual({ STARLING_URL: 'https://app.example' });
  });

  it.each(['', '#!/bin/sh\necho hello\n', '#cloud-config\n'])('finds nothing in %j', (text) => {
    expect(parseCustomData(base64(text))).toEqual({ files: [], environment: {} });
  });
});
