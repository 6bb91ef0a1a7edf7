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

const names: ReadonlySet<string> = new Set(readdirSync(folder))
/** The documentation that the page links to, shown as text. */
const docs = new URL('../../docs/', import.meta.url)
const pages: ReadonlySet<string> = new Set(readdirSync(docs).filter((name) => name.endsWith('.md')))

/** Whether a path is a file of the page, except the page itself. */
export function isAsset(path: string): boolean {
  return names.has(path.slice(1)) || path === '/favicon.ico'
}

/** Serves the page's files, with a plugin that works in Express and Koa. */
export const assets: Plugin<[]> = definePlugin({
  name: 'assets',
  setup() {
    return async ({ method, path }) => {
      if (method !== 'GET' && method !== 'HEAD') return PASS
      const page = path.startsWith('/docs/') ? path.slice(6) : ''
      if (pages.has(page)) {
        const headers = { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }
        return { status: 200, headers, body: await readFile(new URL(page, docs)) }
      }
      const name = path === '/' ? 'index.html' : path.slice(1)
      if (!names.has(name)) return PASS
      const type = TYPES[extname(name)] ?? 'application/octet-stream'
      return {
        status: 200,
        headers: { ...HEADERS, 'Content-Type': type },
        body: await readFile(new URL(name, folder)),
      }
    }
  },
})
