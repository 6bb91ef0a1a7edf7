import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
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

/** Run before each program: it ends with the process that started it. */
const ENDS_WITH_PARENT = fileURLToPath(new URL('ends-with-parent.ts', import.meta.url))

/** The bundled files of this process, by name, for several runs. */
const bundled = new Map<string, Promise<ReadonlyMap<string, string>>>()

/** Bundles a program and its imports into one file. Returns its path. */
export async function bundle(program: URL, folder: string, name: string): Promise<string> {
  const [path = ''] = (await bundleTogether({ [name]: program }, folder)).values()
  return path
}

/** Bundles programs. What they share is in files that they load, and is bundled once. Returns the path of each program. */
export async function bundleTogether(
  programs: Readonly<Record<string, URL>>,
  folder: string,
  breaks: readonly Break[] = [],
): Promise<ReadonlyMap<string, string>> {
  const which = JSON.stringify([programs, breaks])
  const files = bundled.get(which) ?? filesOf(programs, breaks)
  bundled.set(which, files)
  for (const [file, text] of await files) await writeFile(join(folder, file), text)
  return new Map(Object.keys(programs).map((name) => [name, join(folder, `${name}.mjs`)]))
}

async function filesOf(
  programs: Readonly<Record<string, URL>>,
  breaks: readonly Break[],
): Promise<ReadonlyMap<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'penknife-bundle-'))
  try {
    const plugins = breaks.length > 0 ? [breaking(breaks)] : []
    const paths = Object.entries(programs).map(([name, program]) => [name, fileURLToPath(program)])
    await bundlePrograms(Object.fromEntries(paths), folder, { plugins, inject: [ENDS_WITH_PARENT] })
    const files = await readdir(folder)
    return new Map(
      await Promise.all(
        files.map(async (file) => [file, await readFile(join(folder, file), 'utf8')] as const),
      ),
    )
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
