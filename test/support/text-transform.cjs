// Gives Jest what esbuild's `text` loader gives the bundle: a file's content as the default export.
const { createHash } = require('node:crypto');

module.exports = {
  process: (text) => ({ code: `module.exports = { __esModule: true, default: ${JSON.stringify(text)} };` }),
  getCacheKey: (text, path) => createHash('sha256').update(`1\0${path}\0${text}`).digest('hex'),
};
