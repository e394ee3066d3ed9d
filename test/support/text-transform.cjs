// Gives Jest what esbuild's `text` loader gives the bundle: a file's content as the default export.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');

module.exports = {
  // Jest takes the first line of a script away, without which no kernel would run it: so it is read again.
  process(_, path) {
    const text = readFileSync(path, 'utf8');
    return { code: `module.exports = { __esModule: true, default: ${JSON.stringify(text)} };` };
  },
  getCacheKey: (text, path) => createHash('sha256').update(`2\0${path}\0${text}`).digest('hex'),
};
