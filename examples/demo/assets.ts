import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'

import { definePlugin, PASS, type Plugin } from '@penknife/http'

const folder = new URL('public/', import.meta.url)

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
} as const

/** The page's few files, as a plugin of our own: the same for Express and Koa. */
export const assets: Plugin<[]> = definePlugin({
  name: 'assets',
  setup() {
    const names = new Set(readdirSync(folder))
    return async ({ method, path }) => {
      const name = path === '/' ? 'index.html' : path.slice(1)
      if ((method !== 'GET' && method !== 'HEAD') || !names.has(name)) return PASS
      const type = TYPES[extname(name)] ?? 'application/octet-stream'
      return {
        status: 200,
        headers: { ...HEADERS, 'Content-Type': type },
        body: await readFile(new URL(name, folder)),
      }
    }
  },
})
