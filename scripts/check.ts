/** Everything that must stay true beside the tests: `pnpm check`. Runs each step, then fails if one failed. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'

import { packAll } from './pack.ts'

const failed: string[] = []

function step(name: string, ...command: readonly [string, ...string[]]): void {
  console.log(`\n> ${name}`)
  const [program, ...args] = command
  if (spawnSync(program, args, { stdio: 'inherit' }).status !== 0) failed.push(name)
}

step('generated files', 'tsx', 'scripts/lua/generate.ts', '--check')
step('the page of the dashboard', 'tsx', 'scripts/dashboard.ts', '--check')
step('format', 'oxfmt', '--check')
step('lint and import boundaries', 'oxlint', '--type-aware', '--deny-warnings')
step('types', 'tsc', '-b')
step('public API', 'tsx', 'scripts/api.ts', '--check')
step('unused code and dependencies', 'knip')
step('size of the limiter alone', 'tsx', 'scripts/bundle-size.ts')

const { tarballs, folder } = await packAll()
for (const { name, path } of tarballs) {
  step(`${name}: publint`, 'publint', '--strict', path)
  step(`${name}: types as published`, 'attw', path, '--profile', 'esm-only', '--no-emoji')
}
rmSync(folder, { recursive: true })
step('packages in projects of users', 'vitest', 'run', '--config', 'vitest.pack.config.ts')

if (failed.length > 0) {
  console.error(`\nfailed: ${failed.join(', ')}`)
  process.exit(1)
}
console.log('\nall checks passed')
