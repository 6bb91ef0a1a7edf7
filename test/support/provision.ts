import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { TestProject } from 'vitest/node'

import { offerBundled, PROGRAMS, sourcesOf } from '../../chaos/harness/bundle.ts'
import { bundlePrograms } from '../../scripts/programs.ts'
import { findServer } from '../../packages/testing/src/server/find.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder with the bundled programs of test/support/programs, of the examples and of the chaos runs. */
    readonly programs: string
  }
}

type Program = readonly [name: string, path: string]

async function ownPrograms(): Promise<Program[]> {
  const folder = fileURLToPath(new URL('programs', import.meta.url))
  return (await readdir(folder)).map((file) => [basename(file, '.ts'), join(folder, file)])
}

/** Those that are a program of their own: `example-<name>`. */
async function examples(): Promise<Program[]> {
  const folder = fileURLToPath(new URL('../../examples', import.meta.url))
  return (await readdir(folder))
    .map((name): Program => [`example-${name}`, join(folder, name, 'main.ts')])
    .filter(([, path]) => existsSync(path))
}

/** Finds or downloads the Redis server and bundles the programs once, before the test files need them side by side. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const { kind, version } = await findServer()
  console.log(`tests run on ${kind} ${version}`)
  const folder = await mkdtemp(join(tmpdir(), 'penknife-programs-'))
  const programs = Object.fromEntries([...(await ownPrograms()), ...(await examples())])
  await bundlePrograms({ ...programs, ...sourcesOf(PROGRAMS) }, folder)
  provide('programs', folder)
  offerBundled(folder)
  return () => rm(folder, { recursive: true, force: true })
}
