// Modules of Node that dependencies load and most runs do not use, as long to load as a bare Node needs for its start. In
// the bundle each is loaded when something of it is used: a function when it is called, anything else when it is read.

/** The modules, and what of each is something else in the bundle because it is used when nothing has happened yet. */
const LAZY = {
  // Called at every step of a request, and then it holds.
  assert: `const assert = (value, message) => { if (!value) real()(value, message); };
    module.exports = Object.defineProperties(assert, Object.getOwnPropertyDescriptors(exports));`,
  // Nobody is handed a message of Node's own HTTP; no answer of S3 has more headers than Node takes by default.
  http: `Object.defineProperties(exports, { IncomingMessage: { value: class {} }, maxHeaderSize: { value: 16384 } });`,
  // Nobody speaks HTTP/2 to S3.
  http2: `Object.defineProperty(exports, 'constants', { value: {} });`,
  // Not every endpoint wants TLS, for which Node reads all root certificates.
  https: '',
  perf_hooks: '',
  v8: '',
  worker_threads: '',
  zlib: '',
};

/** What a bundle has in place of a module of Node. */
function standIn(name) {
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(process.getBuiltinModule(name)));
  const properties = descriptors.filter(([, { enumerable }]) => enumerable);
  // A function may be taken out of its module long before it is called; a class may not, it can be extended.
  const isFunction = ([key, { value }]) => typeof value === 'function' && /^[a-z]/.test(key);
  const names = (some) => JSON.stringify(some.map(([key]) => key));
  return `const real = () => process.getBuiltinModule('${name}');
    for (const name of ${names(properties.filter(isFunction))}) exports[name] = (...args) => real()[name](...args);
    for (const name of ${names(properties.filter((property) => !isFunction(property)))})
      Object.defineProperty(exports, name, { configurable: true, enumerable: true, get: () => real()[name] });
    ${LAZY[name]}`;
}

/** For esbuild. */
export const lazyModules = {
  name: 'lazy modules of Node',
  setup({ onResolve, onLoad }) {
    const namespace = 'lazy';
    const filter = new RegExp(`^(node:)?(${Object.keys(LAZY).join('|')})$`);
    onResolve({ filter }, ({ path }) => ({ path: path.replace('node:', ''), namespace }));
    onLoad({ filter: /./, namespace }, ({ path }) => ({ contents: standIn(path) }));
  },
};
