import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import type * as Core from '@penknife/core'
import type * as Express from '@penknife/express'
import type * as Http from '@penknife/http'

/** A build of penknife: this one, or that of another checkout. */
export interface Library {
  /** The client library that it runs on. */
  readonly client: ClientLibrary
  /** Its name in the output. */
  readonly name: string
  /** The folder of the checkout; undefined for this one. */
  readonly root: string | undefined
}

export type ClientLibrary = 'ioredis' | 'node-redis'

export const THIS_BUILD: Library = { name: 'penknife', root: undefined, client: 'ioredis' }

export const ON_NODE_REDIS: Library = {
  name: 'penknife on node-redis',
  root: undefined,
  client: 'node-redis',
}

/** This build a second time: how far two runs of the same code differ. */
export const again = ({ client }: Library): Library => ({
  name: 'penknife again (A/A)',
  root: undefined,
  client,
})

/** The build of another checkout, such as the one before a change. `pnpm build` must have run there. */
export function buildIn(folder: string, { client }: Library): Library {
  return { name: 'penknife of the other build', root: resolve(folder), client }
}

export const coreOf = (library: Library): Promise<typeof Core> =>
  library.root === undefined ? import('@penknife/core') : importFrom(library.root, 'core')

export const httpOf = (library: Library): Promise<typeof Http> =>
  library.root === undefined ? import('@penknife/http') : importFrom(library.root, 'http')

export const expressOf = (library: Library): Promise<typeof Express> =>
  library.root === undefined ? import('@penknife/express') : importFrom(library.root, 'express')

function importFrom<Module>(root: string, name: string): Promise<Module> {
  return import(pathToFileURL(join(root, 'packages', name, 'dist/index.js')).href) as Promise<Module>
}
