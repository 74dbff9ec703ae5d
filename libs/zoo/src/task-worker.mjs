/** Runs tasks in a worker thread; registers the TypeScript loader first where the code runs from its sources. */
if (import.meta.url.includes('/src/')) {
  const { register } = await import('tsx/esm/api');
  register();
}

export default async function run({ module, name, input }) {
  const loaded = await import(module);
  return loaded[name](input);
}
