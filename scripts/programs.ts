import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'

import { build, type Plugin } from 'esbuild'

/** For the CommonJS packages among what a program imports. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

/**
 * Bundles TypeScript programs of this repository into `<name>.mjs` of the folder, several beside chunks that they share: a process of one
 * starts in a tenth of the time that a transpiler in the process needs.
 */
export async function bundlePrograms(
  programs: Readonly<Record<string, string>>,
  folder: string,
  plugins: readonly Plugin[] = [],
): Promise<void> {
  await build({
    entryPoints: Object.entries(programs).map(([out, path]) => ({ in: path, out })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: Object.keys(programs).length > 1,
    platform: 'node',
    format: 'esm',
    banner: { js: REQUIRE },
    target: 'node20',
    conditions: ['penknife-source'],
    logLevel: 'warning',
    plugins: [...plugins, ownAddress, loadedByNode],
  })
}

/** An example finds the files beside it, as it would unbundled. */
const ownAddress: Plugin = {
  name: 'own address',
  setup({ onLoad }) {
    onLoad({ filter: /\/examples\/.*\.ts$/ }, async ({ path }) => {
      const contents = await readFile(path, 'utf8')
      const address = JSON.stringify(pathToFileURL(path).href)
      return { contents: contents.replaceAll('import.meta.url', address), loader: 'ts' }
    })
  },
}

/** It starts threads from files beside its own. */
const WITH_THREADS = 'piscina'

/** A CommonJS package that is imported later would lose the names of its exports in shared chunks, so node loads it itself. */
const loadedByNode: Plugin = {
  name: 'loaded by node',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\w/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === loadedByNode || (kind !== 'dynamic-import' && path !== WITH_THREADS))
        return undefined
      const found = await resolve(path, { kind: 'import-statement', resolveDir, pluginData: loadedByNode })
      return found.path === '' ? undefined : { path: pathToFileURL(found.path).href, external: true }
    })
  },
}
