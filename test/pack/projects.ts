import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

import { packAll, pnpm } from '../../scripts/pack.ts'

export type Dependencies = Readonly<Record<string, string>>

/** Projects of users: empty folders in which the packed packages are installed, used without this repository's settings. */
export interface Projects {
  readonly folder: string
  readonly tarballs: readonly { readonly name: string; readonly path: string }[]
  readonly write: (project: string, file: string, text: string) => void
  readonly run: (project: string, args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Run>
  readonly remove: () => void
}

export interface Run {
  readonly code: number
  /** All that it printed, first to stdout and then to stderr. */
  readonly output: string
}

const { devDependencies } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { devDependencies: Record<string, string> }

/** Packages in the versions that the tests of this repository use. */
export function versions(...names: readonly string[]): Dependencies {
  return Object.fromEntries(names.map((name) => [name, devDependencies[name] as string]))
}

/** The version that is tested under another name of its package. */
export function aliased(name: string): string {
  return devDependencies[name]?.split('@')[1] as string
}

/**
 * Packs the packages and installs all projects with one command. Each has its own dependencies and no others. A peer dependency that
 * is missing or of a wrong version is an error.
 *
 * @param projects the dependencies of each; those on packages of ours, such as `{ '@penknife/core': '*' }`, are the packed ones
 */
export async function installProjects(projects: Readonly<Record<string, Dependencies>>): Promise<Projects> {
  const { folder, tarballs } = await packAll()
  const packed = Object.fromEntries(tarballs.map(({ name, path }) => [name, `file:${path}`]))
  const write = (project: string, file: string, text: string): void =>
    writeFileSync(join(folder, project, file), text)
  for (const [name, given] of Object.entries(projects)) {
    mkdirSync(join(folder, name))
    const dependencies = Object.fromEntries(
      Object.entries(given).map(([each, version]) => [each, packed[each] ?? version]),
    )
    write(name, 'package.json', JSON.stringify({ name, private: true, dependencies }))
  }
  write('.', 'package.json', JSON.stringify({ name: 'users', private: true }))
  const settings = {
    packages: Object.keys(projects),
    overrides: packed,
    strictPeerDependencies: true,
    autoInstallPeers: false,
  }
  // JSON is YAML.
  write('.', 'pnpm-workspace.yaml', JSON.stringify(settings))
  await pnpm(['install', '--prefer-offline', '--ignore-scripts'], folder)
  return {
    folder,
    tarballs,
    write,
    run: (project, args, env) => runIn(join(folder, project), process.execPath, args, env),
    remove: () => rmSync(folder, { recursive: true }),
  }
}

/** Runs a program to its end. */
export function runIn(
  cwd: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Run> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env, timeout: 120_000, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      const output = stripVTControlCharacters(stdout + stderr)
      resolve({ code: error ? Number(error.code ?? -1) : 0, output })
    })
  })
}
