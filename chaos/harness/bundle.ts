import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Plugin } from 'esbuild'

import { bundlePrograms } from '../../scripts/programs.ts'

/** The programs of all chaos runs: their paths in this folder, without `.ts`. */
export const PROGRAMS = [
  'guard/member',
  'notifier/chromium',
  'notifier/core',
  'notifier/eventsource',
  'notifier/guests',
  'notifier/live',
  'notifier/publisher',
  'notifier/raw',
  'notifier/scorer',
  'notifier/server',
  'notifier/watcher',
  'record/member',
  'request-log/member',
  'stream/producer',
  'stream/worker',
] as const

export type Program = (typeof PROGRAMS)[number]

/** A change to a bundled source file, to prove that the checker finds its effect. */
export interface Break {
  /** The end of the file's path. */
  readonly file: string
  /** This part of the file … */
  readonly from: string
  /** … becomes this. */
  readonly to: string
}

/** The folder where the set-up of a test run put all programs, so that no test file bundles its own. */
const BUNDLED = 'PENKNIFE_CHAOS_PROGRAMS'

/** The bundled files of this process, for several runs. */
const bundled = new Map<string, Promise<ReadonlyMap<string, string>>>()

/** The names of programs in a bundle, and their sources. */
export function sourcesOf(programs: readonly Program[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    programs.map((program) => [nameOf(program), fileURLToPath(new URL(`../${program}.ts`, import.meta.url))]),
  )
}

/** Makes a folder with all bundled programs known to the test processes that this process starts. */
export function offerBundled(folder: string): void {
  process.env[BUNDLED] = folder
}

/** Returns a function that returns the path of a bundled program. With breaks they are bundled anew, into the folder of the run. */
export async function bundle(
  programs: readonly Program[],
  folder: string,
  breaks: readonly Break[] = [],
): Promise<(program: Program) => string> {
  const offered = process.env[BUNDLED]
  const pathIn =
    (place: string) =>
    (program: Program): string =>
      join(place, `${nameOf(program)}.mjs`)
  if (offered !== undefined && breaks.length === 0) return pathIn(offered)
  const which = JSON.stringify([programs, breaks])
  const files = bundled.get(which) ?? filesOf(programs, breaks)
  bundled.set(which, files)
  for (const [file, text] of await files) await writeFile(join(folder, file), text)
  return pathIn(folder)
}

function nameOf(program: Program): string {
  return `chaos-${program.replace('/', '-')}`
}

async function filesOf(
  programs: readonly Program[],
  breaks: readonly Break[],
): Promise<ReadonlyMap<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'penknife-bundle-'))
  try {
    await bundlePrograms(sourcesOf(programs), folder, breaks.length > 0 ? [breaking(breaks)] : [])
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
