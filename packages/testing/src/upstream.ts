import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

import { invalid } from '@penknife/core/internal'

import { type Reply, sendAll } from './server/resp.ts'

/** The Redis that the tests run on, as the kit itself speaks to it: past the gateway, with its real time and no failures. */
export interface Upstream {
  open(): Socket
  /** Sends commands over a connection of their own; gives the last reply. */
  send(...commands: readonly (readonly string[])[]): Promise<Reply>
  /** The URL that a client gives to reach it through a gateway on that port of 127.0.0.1. */
  urlOn(port: number): string
}

/** A server of the kit's own, by its unix socket. */
export function privateUpstream(socket: string): Upstream {
  const open = (): Socket => connectTcp(socket)
  return {
    open,
    send: async (...commands) => (await sendAll(open(), commands)).at(-1) as Reply,
    urlOn: (port) => `redis://127.0.0.1:${port}`,
  }
}

/**
 * A server that is there already, by `redis://` or `rediss://`.
 *
 * @throws PENKNIFE_INVALID for any other URL.
 */
export function givenUpstream(given: string): Upstream {
  const url = parse(given)
  const { hostname, username, password, pathname } = url
  const port = Number(url.port || 6379)
  const host = hostname.replace(/^\[|\]$/g, '')
  const db = pathname.slice(1)
  const user = username === '' ? [] : [decodeURIComponent(username)]
  const first = [
    ...(password === '' ? [] : [['AUTH', ...user, decodeURIComponent(password)]]),
    ...(db === '' ? [] : [['SELECT', db]]),
  ]
  const open = (): Socket =>
    url.protocol === 'rediss:' ? connectTls({ host, port, servername: host }) : connectTcp(port, host)
  return {
    open,
    async send(...commands) {
      try {
        return (await sendAll(open(), [...first, ...commands])).at(-1) as Reply
      } catch (error) {
        const why = (error as Error).message
        throw new Error(`the Redis of these tests, ${host}:${port}, does not answer: ${why}`, {
          cause: error,
        })
      }
    },
    urlOn(local) {
      const through = new URL(given)
      through.protocol = 'redis:'
      through.hostname = '127.0.0.1'
      through.port = String(local)
      return through.href
    },
  }
}

function parse(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url !== undefined && /^rediss?:$/.test(url.protocol) && url.hostname !== '') return url
  throw invalid('url', given, "give the URL of a Redis, such as 'redis://127.0.0.1:6379'")
}
