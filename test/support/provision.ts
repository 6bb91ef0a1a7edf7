import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { TestProject } from 'vitest/node'

import { bundlePrograms } from '../../scripts/programs.ts'
import { findServer } from '../../packages/testing/src/server/find.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder with the bundled programs of test/support/programs. */
    readonly programs: string
  }
}

/** Finds or downloads the Redis server and bundles the programs once, before the test files need them side by side. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const { kind, version } = await findServer()
  console.log(`tests run on ${kind} ${version}`)
  const source = fileURLToPath(new URL('programs', import.meta.url))
  const folder = await mkdtemp(join(tmpdir(), 'penknife-programs-'))
  const files = await readdir(source)
  await bundlePrograms(
    Object.fromEntries(files.map((file) => [basename(file, '.ts'), join(source, file)])),
    folder,
  )
  provide('programs', folder)
  return () => rm(folder, { recursive: true, force: true })
}
