// Stands in for packages that a dependency loads and Starling never uses; whoever comes to use one finds out at once.
class NotBundled {
  constructor() {
    throw new Error('this is of a package that is not part of the bundle: see scripts/build.mjs');
  }
}

module.exports = new Proxy({}, { get: () => NotBundled });
