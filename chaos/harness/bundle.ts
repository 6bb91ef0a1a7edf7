import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
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

/** The bundled programs of this process, for several runs. */
const bundled = new Map<string, Promise<string>>()

/** Bundles a program and its imports into one file. Returns its path. */
export async function bundle(
  program: URL,
  folder: string,
  name: string,
  breaks: readonly Break[] = [],
): Promise<string> {
  const which = JSON.stringify([program.href, breaks])
  const text = bundled.get(which) ?? textOf(program, breaks)
  bundled.set(which, text)
  const path = join(folder, `${name}.mjs`)
  await writeFile(path, await text)
  return path
}

async function textOf(program: URL, breaks: readonly Break[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'penknife-bundle-'))
  try {
    const plugins = breaks.length > 0 ? [breaking(breaks)] : []
    await bundlePrograms({ program: fileURLToPath(program) }, folder, { banner: BANNER, plugins })
    return await readFile(join(folder, 'program.mjs'), 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
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
