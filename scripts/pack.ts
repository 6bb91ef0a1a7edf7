import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

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
  'dashboard',
  'cli',
]

/** Builds the published packages and packs them as they would be published. */
export async function packAll(): Promise<Packed> {
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-b', ...PACKAGES.map((name) => `packages/${name}`)], { cwd: ROOT, stdio: 'inherit' })
  const folder = mkdtempSync(join(tmpdir(), 'penknife-pack-'))
  const filters = PACKAGES.map((name) => `--filter=@penknife/${name}`)
  await pnpm([...filters, 'pack', '--pack-destination', folder], ROOT)
  const tarballs = PACKAGES.map((name) => {
    const file = readdirSync(folder).find((entry) => entry.startsWith(`penknife-${name}-`))
    if (!file) throw new Error(`pnpm pack left no tarball of @penknife/${name}`)
    return { name: `@penknife/${name}`, path: join(folder, file) }
  })
  return { folder, tarballs }
}

/** Runs the pnpm that runs this script, or one fetched by npx. */
export async function pnpm(args: readonly string[], cwd: string): Promise<void> {
  const running = process.env['npm_execpath']
  let command = ['npx', '-y', 'pnpm@12']
  // A native program from version 12 on, a script before.
  if (running?.includes('pnpm')) command = /\.c?js$/.test(running) ? [process.execPath, running] : [running]
  const [program = '', ...first] = command
  try {
    await promisify(execFile)(program, [...first, ...args], { cwd, maxBuffer: 1 << 24 })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`pnpm ${args.join(' ')} failed: ${stdout}${stderr}`, { cause: error })
  }
}
