import { readFileSync } from 'node:fs'

/** `name@version` of a package in bench/package.json, as it is installed now. */
export function installed(name: string): string {
  const manifest = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  return `${name}@${version}`
}
