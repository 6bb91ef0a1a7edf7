import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

export interface Packed {
  /** The temporary folder of the tarballs. The caller removes it. */
  readonly folder: string
  readonly tarballs: readonly { readonly name: string; readonly path: string }[]
}

export const PACKAGES: readonly string[] = [
  'core',
  'http',
  'express',
  'koa',
  'fastify',
  'fetch',
  'client',
  'testing',
]

/** Builds the published packages and packs them as they would be published. */
export function packAll(): Packed {
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-b', ...PACKAGES.map((name) => `packages/${name}`)], { cwd: ROOT, stdio: 'inherit' })
  const folder = mkdtempSync(join(tmpdir(), 'penknife-pack-'))
  for (const name of PACKAGES) {
    execFileSync(...pnpm('pack', '--pack-destination', folder), {
      cwd: join(ROOT, 'packages', name),
      stdio: 'pipe',
    })
  }
  const tarballs = PACKAGES.map((name) => {
    const file = readdirSync(folder).find((entry) => entry.startsWith(`penknife-${name}-`))
    if (!file) throw new Error(`pnpm pack left no tarball of @penknife/${name}`)
    return { name: `@penknife/${name}`, path: join(folder, file) }
  })
  return { folder, tarballs }
}

/** The pnpm that runs this script, or one fetched by npx. */
function pnpm(...args: string[]): [string, string[]] {
  const running = process.env['npm_execpath']
  // A native program from version 12 on, a script before.
  if (running?.includes('pnpm'))
    return /\.c?js$/.test(running) ? [process.execPath, [running, ...args]] : [running, args]
  return ['npx', ['-y', 'pnpm@12', ...args]]
}
