import { once } from 'node:events'
import { connect as dial } from 'node:net'
import { PassThrough } from 'node:stream'

import { runCli } from '@penknife/cli'
import { createStream, type Penknife } from '@penknife/core'
import { dashboard } from '@penknife/dashboard/node'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { freeze, ownRedis, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { ACTION, caughtWarnings, type Running, startDashboard } from './support.ts'

const bench = useRedis()
const open = (): Promise<Penknife> => openReady(bench.raw, { deadline: '30s' })

/** A dashboard, and a stream `orders` with one entry. */
async function shop(options: Parameters<typeof startDashboard>[1] = {}): Promise<
  Running & {
    penknife: Penknife
    group: { space: string; stream: string; group: string }
    paused: () => Promise<boolean | undefined>
  }
> {
  const penknife = await open()
  const space = penknife.space('shop')
  const orders = createStream(space, 'orders', { groups: ['billing'] })
  await orders.add({ password: 'secret', total: 5 })
  await space.runtime.registered()
  return {
    ...(await startDashboard(penknife, options)),
    penknife,
    group: { space: 'shop', stream: 'orders', group: 'billing' },
    paused: async () => (await orders.stats({ over: 0 })).groups[0]?.paused,
  }
}

/** Runs `penknife ui` until the test ends. Resolves with the address that it printed. */
async function commandUi(...args: readonly string[]): Promise<{ url: string; end: () => Promise<number> }> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const ending = new AbortController()
  const streams = { stdin, stdout, stderr, env: { PENKNIFE_REDIS: bench.server.socket } }
  const ended = runCli(['ui', ...args, '--json', '--deadline', '30s'], streams, ending.signal)
  const end = (): Promise<number> => {
    ending.abort()
    return ended
  }
  onTestFinished(async () => void (await end()))
  const printed = await Promise.race([once(stdout, 'data'), ended.then(() => once(stderr, 'data'))])
  const text = String(printed[0])
  return { url: text.startsWith('{') ? (JSON.parse(text) as { url: string }).url : text, end }
}

describe('penknife ui', () => {
  test('serves it on 127.0.0.1 at a secret address until Ctrl-C, read only if asked', async () => {
    const { url, end } = await commandUi('--read-only')
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/)
    expect(await (await fetch(`${url}api/session`)).json()).toMatchObject({ role: 'read' })
    expect((await fetch(url)).status).toBe(200)
    for (const path of ['/', '/penknife/', `/${'a'.repeat(32)}/api/session`])
      expect((await fetch(new URL(path, url))).status).toBe(404)
    expect(await end()).toBe(0)
    await expect(fetch(url)).rejects.toThrow('fetch failed')
    expect((await commandUi('--port', '70000')).url).toMatch(/from 0 to 65535/)
    const { url: other } = await commandUi()
    expect((await commandUi('--port', new URL(other).port)).url).toMatch(/is in use/)
    expect(await (await fetch(`${other}api/session`)).json()).toMatchObject({ role: 'operate' })
  })
})

describe('who may see it', () => {
  test('it refuses to mount without authorize, and names a wrong option with its fix', async () => {
    const penknife = await open()
    const make = (options: unknown) => () => dashboard(penknife, options as never)
    expect(make(undefined)).toThrow(/authorize.*role/)
    expect(make({})).toThrow(expect.objectContaining({ code: 'PENKNIFE_INVALID', option: 'authorize' }))
    const authorize = (): false => false
    expect(make({ authorize, autorize: 1 })).toThrow(/did you mean 'authorize'/)
    expect(make({ authorize, path: 'admin/' })).toThrow(/without a slash at its end/)
    expect(make({ authorize, auditEntries: 3 })).toThrow(/auditEntries/)
    expect(() => dashboard({} as never, { authorize })).toThrow(/connect\(\)/)
  })

  test('everything is 404 for others, also what does not exist, and where authorize throws or returns nonsense', async () => {
    const { url } = await shop()
    for (const path of ['', '/', '/api/session', '/api/live', '/api/nothing', '/assets/x.js', '/other']) {
      for (const method of ['GET', 'POST', 'PUT', 'OPTIONS']) {
        const response = await fetch(url + path, { method, redirect: 'manual', headers: ACTION })
        expect([path, method, response.status]).toEqual([path, method, 404])
        expect(await response.text()).toBe('Not Found')
      }
    }
    const penknife = await open()
    for (const authorize of [
      () => {
        throw new Error('the database password is 123')
      },
      () => Promise.reject(new Error('the database password is 123')),
      () => ({ user: 'ann' }),
      () => ({ user: '', role: 'read' }),
      () => ({ user: 'ann', role: 'admin' }),
      () => true,
      () => null,
    ]) {
      const warnings = caughtWarnings()
      const other = await startDashboard(penknife, {}, authorize as never)
      const response = await fetch(`${other.url}/`)
      expect([response.status, await response.text()]).toEqual([404, 'Not Found'])
      await until('a warning has the error', () => warnings.length > 0)
      await other.close()
    }
  })

  test('the page and its files: strict headers, relative addresses, a redirect to the slash', async () => {
    const { url } = await shop()
    const headers = { 'x-user': 'bob' }
    const redirect = await fetch(`${url}?x=1`, { headers, redirect: 'manual' })
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, './penknife/?x=1'])
    const page = await fetch(`${url}/`, { headers })
    const html = await page.text()
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    )
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    expect(page.headers.get('referrer-policy')).toBe('no-referrer')
    expect(html).not.toMatch(/(src|href)="(\/|https?:)|<style|style=|onclick=|<script>/)
    const files = [...html.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, file]) => file)
    expect(files).toHaveLength(2)
    for (const file of files) {
      const { status, headers: of } = await fetch(`${url}/${file}`, { headers })
      expect([status, of.get('cache-control')]).toEqual([200, 'private, max-age=31536000, immutable'])
      expect((await fetch(`${url}/${file}`)).status).toBe(404)
    }
    expect((await fetch(`${url}/`, { method: 'POST', headers })).status).toBe(405)
    expect((await fetch(`${url}elsewhere`, { headers })).status).toBe(418)
  })
})

describe('what a user may do', () => {
  test('a reader gets 403 for every action before its body is read, and readOnly makes everybody a reader', async () => {
    const { url, get, post, group, paused, server } = await shop()
    expect((await get('session', {}, 'bob')).body).toMatchObject({ user: 'bob', role: 'read' })
    for (const route of ['stream.pause', 'dead.purge', 'no.such']) {
      const { status, body } = await post(route as 'stream.pause', group, 'bob')
      expect([status, body]).toMatchObject([403, { error: { code: 'forbidden' } }])
    }
    // The body never arrives, and the answer does.
    const { port } = server.address() as { port: number }
    const socket = dial(port, '127.0.0.1')
    socket.write(
      'POST /penknife/api/stream.pause HTTP/1.1\r\nHost: x\r\nx-user: bob\r\nContent-Length: 1000000\r\n\r\n',
    )
    const [first] = (await once(socket, 'data')) as [Buffer]
    expect(first.toString()).toMatch(/^HTTP\/1.1 403/)
    socket.destroy()
    expect(await paused()).toBe(false)
    void url
    const strict = await shop({ readOnly: true })
    expect((await strict.get('session', {}, 'ann')).body.role).toBe('read')
    expect((await strict.post('stream.pause', group, 'ann')).status).toBe(403)
  })

  test('an action of another site, without the header, or with another content type is refused', async () => {
    const { post, group, paused, url } = await shop()
    const { host } = new URL(url)
    const refused = [
      { 'content-type': 'application/json' },
      { ...ACTION, 'sec-fetch-site': 'cross-site' },
      { ...ACTION, 'sec-fetch-site': 'same-site' },
      { ...ACTION, 'sec-fetch-site': 'none' },
      { ...ACTION, origin: 'https://evil.example' },
      { ...ACTION, origin: 'null' },
      { ...ACTION, origin: `http://evil.example/${host}` },
    ]
    for (const headers of refused) {
      const { status, body } = await post('stream.pause', group, 'ann', headers)
      expect([headers, status, body]).toMatchObject([headers, 403, { error: { code: 'cross-site' } }])
    }
    const plain = { ...ACTION, 'content-type': 'text/plain' }
    expect((await post('stream.pause', group, 'ann', plain)).status).toBe(400)
    expect(await paused()).toBe(false)
    const foreign = await fetch(`${url}/api/session`, {
      headers: { 'x-user': 'ann', 'sec-fetch-site': 'cross-site' },
    })
    expect(foreign.status).toBe(403)
    expect((await post('stream.pause', group, 'ann', { ...ACTION, origin: `http://${host}` })).status).toBe(
      200,
    )
    expect(await paused()).toBe(true)
  })

  test('parameters and bodies are checked and bounded, and methods too', async () => {
    const { url, post, group } = await shop()
    const answer = async (path: string, init: RequestInit = {}): Promise<[number, string]> => {
      const response = await fetch(`${url}/api/${path}`, {
        ...init,
        headers: { 'x-user': 'ann', ...ACTION },
      })
      return [response.status, await response.text()]
    }
    const wrong: readonly (readonly [string, number, RegExp])[] = [
      ['streams', 400, /\\"space\\" must be/],
      ['streams?space=a%20b', 400, /\\"space\\"/],
      ['streams?space=shop&limit=201', 400, /from 1 to 200/],
      ['streams?space=shop&limit=1e1', 400, /whole number/],
      ['streams?space=shop&space=shop', 400, /given twice/],
      ['streams?space=shop&__proto__=1', 400, /unknown/],
      [`streams?${'a=1&'.repeat(3)}${Array.from({ length: 30 }, (_, at) => `b${at}=`).join('&')}`, 400, /./],
      ['entry?space=shop&stream=orders&id=..', 400, /an id such as/],
      ['stream?space=shop&stream=none', 404, /not registered/],
      ['nothing', 404, /no such route/],
      ['stream.pause', 405, /needs POST/],
      ['constructor', 404, /./],
    ]
    for (const [path, status, message] of wrong) {
      const [got, text] = await answer(path)
      expect([path, got]).toEqual([path, status])
      expect(text).toMatch(message)
    }
    expect((await answer('session', { method: 'POST', body: '{}' }))[0]).toBe(405)
    expect((await answer('session', { method: 'DELETE' }))[0]).toBe(405)
    for (const body of ['', '[]', 'null', '{', '"x"'])
      expect([body, (await answer('stream.pause', { method: 'POST', body }))[0]]).toEqual([body, 400])
    const long = 'x'.repeat((2 << 20) + 1)
    expect((await answer('stream.pause', { method: 'POST', body: long }))[0]).toBe(413)
    expect((await post('stream.pause', { ...group, more: 1 } as never)).body).toMatchObject({
      error: { code: 'invalid', message: expect.stringContaining('"more" is unknown') as string },
    })
    expect((await post('dead.purge', group)).body).toMatchObject({
      error: { message: expect.stringContaining('filter') as string },
    })
  })
})

describe('what leaves and what is recorded', () => {
  test('redact changes every payload, what it throws hides it, and such a payload cannot be edited', async () => {
    const { get, post, penknife, group } = await shop({
      redact: (value, { kind, stream }) => {
        if (stream === 'broken') throw new Error('no')
        return kind === 'payload' ? { ...(value as object), password: '…' } : value
      },
    })
    const warnings = caughtWarnings()
    const space = penknife.space('shop')
    const orders = createStream(space, 'orders', { groups: ['billing'] })
    const broken = createStream(space, 'broken', { groups: ['g'] })
    await broken.add('secret')
    const tagged = createStream<object>(space, 'tagged', { groups: ['g'], tags: () => ({ user: 'ann' }) })
    await tagged.add({ password: 'secret' })
    await orders.schedule('nightly', { every: '1h', payload: { password: 'secret' } })
    await space.runtime.registered()
    const worker = orders.worker('billing', () => Promise.reject(new Error('no')), { maxAttempts: 1 })
    worker.on(() => {})
    await until('it is dead', async () => (await orders.stats({ over: 0 })).groups[0]?.dead === 1)
    await worker.close()
    const [letter] = (await get('dead', group)).body.items
    const { id = '', position = '' } = letter ?? {}
    const all = [
      await get('dead', group),
      await get('dead-letter', { ...group, position }),
      await get('entry', { space: 'shop', stream: 'orders', id }),
      await get('schedules', { space: 'shop' }),
      await get('entries', { space: 'shop', stream: 'broken' }),
      await get('tagged', { space: 'shop', stream: 'tagged', tags: 'user=ann' }),
      await get('dead-groups', group),
    ]
    for (const { status, body } of all) {
      expect(status).toBe(200)
      expect(JSON.stringify(body)).not.toContain('secret')
    }
    expect(letter?.payload).toMatchObject({ kind: 'value', redacted: true })
    expect((await get('entries', { space: 'shop', stream: 'broken' })).body.items[0]?.payload).toEqual({
      kind: 'hidden',
    })
    expect((await post('dead.edit', { ...group, position, json: '{}' })).status).toBe(403)
    expect(warnings.length).toBeGreaterThan(0)
  })

  test('every action is recorded with its outcome, also refused and failed ones, and none runs without a record', async () => {
    const { get, post, group, penknife } = await shop()
    await post('stream.pause', group)
    await post('stream.pause', group)
    await post('stream.pause', group, 'bob')
    await post('entry.cancel', { space: 'shop', stream: 'none', id: '1-1' })
    await post('stream.resume', { ...group, group: 'a b' })
    // A process that dies between the two records leaves the first one.
    await createStream(penknife.space('penknife-dashboard'), 'audit').add({
      user: 'eve',
      action: 'stream.clear',
      target: 'shop/orders/billing',
      outcome: 'started',
    })
    const { items } = (await get('audit', {})).body
    expect(items.map(({ user, action, target, outcome }) => [user, action, target, outcome])).toEqual([
      ['eve', 'stream.clear', 'shop/orders/billing', 'started'],
      ['ann', 'stream.resume', '', 'refused'],
      ['ann', 'entry.cancel', 'shop/none/1-1', 'refused'],
      ['bob', 'stream.pause', '', 'refused'],
      ['ann', 'stream.pause', 'shop/orders/billing', 'nothing'],
      ['ann', 'stream.pause', 'shop/orders/billing', 'done'],
    ])
    // Page by page it is the same, wherever the two records of an action are.
    const paged: string[] = []
    let after: string | undefined
    do {
      const page = (await get('audit', { limit: 1, ...(after === undefined ? {} : { after }) })).body
      paged.push(...page.items.map(({ id }) => id))
      after = page.next
    } while (after !== undefined)
    expect(paged).toEqual(items.map(({ id }) => id))
  })

  test('refused actions of a reader cannot push the others out of the audit', async () => {
    const { get, post, group } = await shop({ auditEntries: 100 })
    await post('stream.pause', group)
    await Promise.all(Array.from({ length: 200 }, () => post('stream.resume', group, 'bob')))
    const { items } = (await get('audit', { limit: 200 })).body
    expect(items.filter(({ outcome }) => outcome === 'refused')).toHaveLength(60)
    expect(items.at(-1)).toMatchObject({ action: 'stream.pause', outcome: 'done' })
  })

  test('while Redis is away the overview says so, and an action is neither done nor half done', async () => {
    const server = await ownRedis()
    const penknife = await openReady(new Redis(server.socket), { deadline: '100ms' })
    penknife.on(() => {})
    const { get, post } = await startDashboard(penknife)
    freeze(server)
    expect((await get('overview', {})).body).toMatchObject({ redis: { status: 'unavailable' }, spaces: [] })
    const body = { space: 'shop', stream: 'orders', group: 'billing' }
    expect((await post('stream.pause', body)).body).toMatchObject({ error: { code: 'unavailable' } })
    expect((await get('streams', { space: 'shop' })).status).toBe(503)
  })
})
