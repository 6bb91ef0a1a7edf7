import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build, type Plugin } from 'esbuild'

/** A change to a source file of the copy that is bundled, to prove that the checker finds what it does. */
export interface Break {
  /** How the file's path ends. */
  readonly file: string
  /** This part of the file … */
  readonly from: string
  /** … becomes this. */
  readonly to: string
}

/** For the CommonJS packages among what it imports; and a program ends with who started it. */
const BANNER = [
  "import { createRequire } from 'node:module';",
  'const require = createRequire(import.meta.url);',
  "process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL')).resume().unref();",
].join(' ')

/** One file of a program and all it imports: a process of it starts in a tenth of the time. */
export async function bundle(
  program: URL,
  folder: string,
  name: string,
  breaks: readonly Break[] = [],
): Promise<string> {
  const outfile = join(folder, `${name}.mjs`)
  await build({
    entryPoints: [fileURLToPath(program)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: BANNER },
    target: 'node20',
    conditions: ['penknife-source'],
    logLevel: 'warning',
    plugins: breaks.length > 0 ? [breaking(breaks)] : [],
  })
  return outfile
}

/** One that no longer has the part to be broken is an error. */
function breaking(breaks: readonly Break[]): Plugin {
  return {
    name: 'break',
    setup({ onLoad }) {
      onLoad({ filter: /packages\/.*\.ts$/ }, async ({ path }) => {
        const mine = breaks.filter(({ file }) => path.endsWith(file))
        if (mine.length === 0) return undefined
        let contents = await readFile(path, 'utf8')
        for (const { from, to, file } of mine) {
          if (!contents.includes(from)) throw new Error(`${file} has no part '${from}' to break`)
          contents = contents.replace(from, () => to)
        }
        return { contents, loader: 'ts' }
      })
    },
  }
}
