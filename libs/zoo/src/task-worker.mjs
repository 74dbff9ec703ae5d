/** Runs tasks in a worker thread; registers the TypeScript loader first where the code runs from its sources. */
const loader = 'ts-blank-space/register';
if (import.meta.url.includes('/src/') && !process.execArgv.includes(loader)) await import(loader);

export default async function run({ module, name, input }) {
  const loaded = await import(module);
  return loaded[name](input);
}
