// The OpenAPI document of the sources as they are now, without starting the app.
import { build } from 'esbuild';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Prints the document that `GET /api/openapi.json` answers, as formatted JSON. */
export async function printOpenApi(root) {
  const entry = { contents: `export { openApiDocument } from './functions/openapi';`, resolveDir: root };
  const { outputFiles } = await build({ stdin: entry, bundle: true, write: false, platform: 'node', format: 'cjs' });
  const module = { exports: {} };
  const require = createRequire(join(root, 'package.json'));
  new Function('module', 'exports', 'require', outputFiles[0].text)(module, module.exports, require);
  console.log(JSON.stringify(module.exports.openApiDocument('http://localhost:7071'), null, 2));
}
