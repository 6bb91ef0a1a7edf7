import { cpSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import type * as Core from '@penknife/core'
import type * as Express from '@penknife/express'
import type * as Fastify from '@penknife/fastify'
import type * as Hono from '@penknife/fetch/hono'
import type * as Http from '@penknife/http'
import type * as Koa from '@penknife/koa'
import type * as Sockets from '@penknife/http/websocket'

/** A build of penknife: this one, or the one of another checkout. */
export interface Library {
  /** The client library that it uses. */
  readonly client: ClientLibrary
  /** Its name in the output. */
  readonly name: string
  /** The folder of the checkout; undefined for this one. */
  readonly root: string | undefined
  /** Whether to load it from a copy of the core's files. Default: false. */
  readonly copied?: boolean
}

export type ClientLibrary = 'ioredis' | 'node-redis'

export const THIS_BUILD: Library = { name: 'penknife', root: undefined, client: 'ioredis' }

export const ON_NODE_REDIS: Library = {
  name: 'penknife on node-redis',
  root: undefined,
  client: 'node-redis',
}

/**
 * The same build a second time, to show how much two runs of the same code differ. It is loaded from a copy of its
 * files, as another build is, because V8 cannot specialize code for two contenders that share it, which makes both
 * slower.
 */
export const again = ({ client }: Library): Library => ({
  name: 'penknife again (A/A)',
  root: undefined,
  client,
  copied: true,
})

/** The build of another checkout, such as the one before a change. `pnpm build` must have run there. */
export function buildIn(folder: string, { client }: Library): Library {
  return { name: 'penknife of the other build', root: resolve(folder), client }
}

export function coreOf(library: Library): Promise<typeof Core> {
  if (library.copied) return (copy ??= importCopy())
  return library.root === undefined ? import('@penknife/core') : importFrom(library.root, 'core')
}

export const httpOf = (library: Library): Promise<typeof Http> =>
  library.root === undefined ? import('@penknife/http') : importFrom(library.root, 'http')

export const socketsOf = (library: Library): Promise<typeof Sockets> =>
  library.root === undefined
    ? import('@penknife/http/websocket')
    : importFrom(library.root, 'http', 'websocket.js')

export const expressOf = (library: Library): Promise<typeof Express> =>
  library.root === undefined ? import('@penknife/express') : importFrom(library.root, 'express')

export const koaOf = (library: Library): Promise<typeof Koa> =>
  library.root === undefined ? import('@penknife/koa') : importFrom(library.root, 'koa')

export const fastifyOf = (library: Library): Promise<typeof Fastify> =>
  library.root === undefined ? import('@penknife/fastify') : importFrom(library.root, 'fastify')

export const honoOf = (library: Library): Promise<typeof Hono> =>
  library.root === undefined ? import('@penknife/fetch/hono') : importFrom(library.root, 'fetch', 'hono.js')

function importFrom<Module>(root: string, name: string, file = 'index.js'): Promise<Module> {
  return import(pathToFileURL(join(root, 'packages', name, 'dist', file)).href) as Promise<Module>
}

let copy: Promise<typeof Core> | undefined

/** The core from a copy beside its dependencies, which are not copied. */
function importCopy(): Promise<typeof Core> {
  const core = fileURLToPath(new URL('../../packages/core', import.meta.url))
  const folder = join(core, 'node_modules', `.again-${process.pid}`)
  cpSync(join(core, 'dist'), folder, { recursive: true })
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return import(pathToFileURL(join(folder, 'index.js')).href) as Promise<typeof Core>
}
