import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Plugin } from 'esbuild'

import { bundlePrograms } from '../../scripts/programs.ts'

/** A change to a bundled source file, to prove that the checker finds its effect. */
export interface Break {
  /** The end of the file's path. */
  readonly file: string
  /** This part of the file … */
  readonly from: string
  /** … becomes this. */
  readonly to: string
}

/** A program ends with the process that started it. */
const BANNER = "process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL')).resume().unref();"

/** Bundles a program and its imports into one file. Returns its path. */
export async function bundle(
  program: URL,
  folder: string,
  name: string,
  breaks: readonly Break[] = [],
): Promise<string> {
  const plugins = breaks.length > 0 ? [breaking(breaks)] : []
  await bundlePrograms({ [name]: fileURLToPath(program) }, folder, { banner: BANNER, plugins })
  return join(folder, `${name}.mjs`)
}

/** Replaces parts of source files. A file without the part is an error. */
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
