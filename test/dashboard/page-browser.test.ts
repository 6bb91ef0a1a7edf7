import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { connect, type ConnectOptions, type Penknife } from '@penknife/core'
import { inspect, type Inspector } from '@penknife/core/inspect'
import { dashboard } from '@penknife/dashboard/node'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type PrivateRedis, startRedis } from '../../scripts/redis/server.ts'
import { findChromium } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { type Busy, HOSTILE, startBusySystem } from './busy.ts'
import { openDashboard, type Page } from './page.ts'

const chromium = findChromium()

/** A screen, and texts of it. WAITING and DELAYED stand for the ids of entries. */
const SCREENS: readonly (readonly [name: string, hash: string, ...texts: string[]])[] = [
  ['overview', '#/', 'Needs attention', 'warehouse', 'no worker', 'noeviction'],
  ['streams', '#/s/shop/streams', 'emails', 'warehouse', 'paused'],
  ['stream', '#/s/shop/streams/orders', 'Throughput', 'billing', 'Run p95', '/s'],
  ['tagged', '#/s/shop/streams/orders?tags=kind%3Dfailing', 'dead', '"error"', 'Next page'],
  ['entry', '#/s/shop/streams/emails/entries/WAITING', 'no worker', '"html"', 'added'],
  ['entry-delayed', '#/s/shop/streams/emails/entries/DELAYED', 'reminder', 'Reschedule'],
  ['dead', '#/s/shop/dead', 'billing', '23'],
  ['dead-errors', '#/s/shop/dead/orders/billing', 'order # not found', 'never retry', '23 letters'],
  ['dead-letters', '#/s/shop/dead/orders/billing/letters?contains=timeout', 'timeout after 7 s', 'Filtered'],
  ['schedules', '#/s/shop/schedules', 'digest', '30 7 * * MON-FRI', 'Europe/Berlin', 'paused'],
  ['limits', '#/s/shop/limits', 'tenants', '100 in 1 min', 'shadow'],
  ['limiter', '#/s/shop/limits/api', 'fixed-window', 'eve', 'stolen cards'],
  ['subject', '#/s/shop/limits/api?subject=ann', 'of 5,000', 'stricter'],
  ['subject-blocked', '#/s/shop/limits/api?subject=eve', 'never by itself', 'Unblock'],
  ['boards', '#/s/shop/boards', 'points'],
  ['board', '#/s/shop/boards/points', '9,000', 'Positions 1 to 50 of 301'],
  ['member', '#/s/shop/boards/points/members/player-1', 'week', '"name"'],
  ['channels', '#/s/shop/channels', 'main'],
  ['notifier', '#/s/shop/channels/main', 'Channels are not listed'],
  ['channel', '#/s/shop/channels/main/order-4100', '"step":0', 'order'],
  ['locks', '#/s/shop/locks', 'jobs'],
  ['lock', '#/s/shop/locks/jobs/nightly', 'held', 'report-worker-7', 'Fence'],
  ['audit', '#/audit', 'Nobody acted yet'],
  ['empty', '#/s/blog/boards', 'No board in this space'],
  ['lost', '#/nowhere', 'The link leads nowhere'],
  ['unknown', '#/s/shop/streams/nothing', 'Try again'],
]

/** An expression for the buttons of a screen that act. */
const ACTING = `[...document.querySelectorAll('.main button')]
  .map(({ textContent }) => textContent.trim())
  .filter((text) => !/^(Open|Find|Search|Look up|Show all.*|Try again)$/.test(text))`

describe.skipIf(chromium === undefined)(
  'the page of the dashboard, in a browser, beside a busy system',
  () => {
    let redis: PrivateRedis
    const clients: Redis[] = []
    const apps: Penknife[] = []
    let busy: Busy
    let inspector: Inspector
    let serve: ReturnType<typeof dashboard>
    let server: Server
    let page: Page
    let demoted = false

    function open(options: ConnectOptions): Penknife {
      const client = new Redis(redis.socket, { maxRetriesPerRequest: 0, retryStrategy: () => 50 })
      client.on('error', () => {})
      const app = connect(client, options)
      clients.push(client)
      apps.push(app)
      return app
    }

    beforeAll(async () => {
      redis = await startRedis({ persist: true })
      busy = await startBusySystem(open({ deadline: '30s' }))
      const tool = open({ deadline: '2s' })
      inspector = inspect(tool)
      serve = dashboard(tool, {
        authorize: ({ request }) => {
          const user = String(request.headers['x-user'])
          return user === 'ann' || user === 'bob'
            ? { user, role: user === 'ann' && !demoted ? 'operate' : 'read' }
            : false
        },
        path: '/tools/penknife',
      })
      server = createServer((request, response) => void serve(request, response))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      page = await openDashboard(chromium as string, `http://127.0.0.1:${port}/tools/penknife/`, 'ann')
    })

    afterAll(async () => {
      await page?.close()
      await serve?.close({ deadline: 500 })
      server?.closeAllConnections()
      server?.close()
      await busy?.close()
      await Promise.all(apps.map((app) => app.close()))
      for (const client of clients) client.disconnect()
      await redis?.stop()
    })

    const dead = async (): Promise<number> =>
      (await inspector.streamState('shop', 'orders')).groups[0]?.dead ?? -1

    test.each(SCREENS)(
      'the screen %s shows what is there, in at most some hundred rows, and axe finds nothing serious in it',
      async (name, hash, ...texts) => {
        await page.go(hash.replace('WAITING', busy.waiting).replace('DELAYED', busy.delayed))
        await page.shows(...texts)
        expect(await page.barriers()).toEqual([])
        expect(await page.evaluate<number>('document.querySelectorAll("tr").length')).toBeLessThan(300)
        await page.picture(name)
        expect(await page.faults()).toEqual([])
      },
    )

    test('the dark colours are readable too', async () => {
      await page.prefer('dark')
      for (const [hash, text] of [
        ['#/', 'Needs attention'],
        ['#/s/shop/streams/orders', 'Groups'],
        ['#/s/shop/dead/orders/billing', '23 letters'],
      ] as const) {
        await page.go(hash)
        await page.shows(text)
        expect([hash, await page.barriers()]).toEqual([hash, []])
      }
      await page.prefer('light')
    })

    test('hostile payloads, errors, subjects and members are text: no element, no hidden character, and long ones are cut', async () => {
      for (const hash of [
        '#/s/shop/dead/orders/billing',
        '#/s/shop/boards/points',
        '#/s/shop/limits/api',
        '#/s/shop/channels/main/order-4100',
        `#/s/shop/streams/emails/entries/${busy.waiting}`,
      ]) {
        await page.go(hash)
        await page.shows(hash.includes('limits') ? '\\u202e' : '<img')
        const harmful = '/[\\u0000-\\u0008\\u001b\\u200b\\u202a-\\u202e\\u2066-\\u2069]/'
        expect(await page.evaluate(`${harmful}.test(document.body.textContent)`)).toBe(false)
        expect(await page.evaluate('document.querySelector("#app img, #app script")')).toBe(null)
        expect(await page.evaluate<number>('document.body.textContent.length')).toBeLessThan(20_000)
      }
      await page.click(/^Show all/)
      await until('the whole payload is shown', () =>
        page.evaluate<boolean>(`document.body.textContent.includes('${HOSTILE.long}')`),
      )
      expect(await page.evaluate<string>('document.title')).not.toContain('owned')
    })

    test('an action says what it did; what destroys asks first, and counts first; the audit has both', async () => {
      await page.go('#/s/shop/streams/events')
      await page.click('Resume: warehouse')
      await until('it is resumed', async () =>
        (await inspector.streamState('shop', 'events')).groups.every(({ paused }) => !paused),
      )
      await page.shows('Pause')
      await page.picture('result')

      await page.go('#/s/shop/dead/orders/billing')
      await page.shows('23 letters')
      await page.click('Purge: timeout after # s: payment.example did not answer')
      await page.shows('Delete these dead letters?', 'letters will be deleted.')
      await page.picture('question')
      expect(await page.barriers()).toEqual([])
      await page.press('Escape')
      await until('the dialog is closed', () =>
        page.evaluate<boolean>('document.querySelector("dialog") === null'),
      )
      expect(await dead()).toBe(23)
      await page.click('Purge: timeout after # s: payment.example did not answer')
      await page.shows('4 letters will be deleted.')
      await page.click('Delete letters')
      await until('they are deleted', async () => (await dead()) === 19)
      await page.shows('19 letters')

      await page.go('#/audit')
      await page.shows('dead.purge', 'stream.resume', 'ann', 'done', 'shop/orders/billing')
      await page.picture('audit-full')
    })

    test('a letter is edited and requeued; wrong JSON and a refusal of the server are shown where it was typed', async () => {
      await page.go('#/s/shop/dead/orders/billing/letters?contains=not%20found')
      await page.click(/^\d+-\d+$/)
      await page.click('Edit and requeue')
      await page.fill('Payload as JSON', '{ "order": ')
      await page.click('Requeue')
      await page.shows('This is not JSON')
      await page.picture('edit')
      await page.fill('Payload as JSON', '{ "order": 1 }')
      await page.click('Requeue')
      await until('it is requeued', async () => (await dead()) === 18)
      await page.go('#/s/shop/limits/api?subject=carl')
      await page.click('Block')
      await page.fill('For how long', 'a while')
      await page.fill('Reason', 'test')
      await page.click('Block')
      await page.shows('duration')
      await page.picture('refused')
      await page.fill('For how long', '1h')
      await page.click('Block')
      await until(
        'carl is blocked',
        async () => (await inspector.explainSubject('shop', 'api', 'carl')).reason === 'block',
      )
      await page.click('Unblock')
      await page.shows('Unblock this subject?')
      await page.click('Unblock')
      await page.shows('allowed')
    })

    test('of two people who act at once, the second reads that it is gone already', async () => {
      await page.go('#/s/shop/dead/orders/billing/letters')
      await page.click(/^\d+-\d+$/)
      await page.shows('Edit and requeue')
      const [, position = ''] = decodeURIComponent(await page.evaluate<string>('location.hash')).split(
        '/letters/',
      )
      const orders = await inspector.stream('shop', 'orders')
      expect(await orders.group('billing').deadLetters.purge(position)).toBe(1)
      await page.click('Requeue')
      await page.shows('The letter is not there any more', 'No dead letter matches.')
      expect(await page.evaluate(ACTING)).toEqual([])
      await page.picture('gone')
    })

    test('works with the keyboard alone: shortcuts, their list, and the rows of tables', async () => {
      await page.go('#/')
      await page.shows('Needs attention')
      await page.press('?')
      await page.shows('Keyboard shortcuts')
      await page.picture('help')
      await page.press('Escape')
      await until('the list is closed', () =>
        page.evaluate<boolean>('document.querySelector("dialog") === null'),
      )
      await page.press('g')
      await page.press('s')
      await page.shows('Work queues and logs')
      await page.shows('warehouse')
      await page.press('j')
      await page.press('j')
      expect(await page.evaluate('document.activeElement.textContent')).toBe('events')
      await page.press('/')
      expect(await page.evaluate('document.activeElement.hasAttribute("data-search")')).toBe(true)
    })

    test('says that Redis is away, keeps what it showed, and recovers by itself', async () => {
      await page.go('#/s/shop/boards/points')
      await page.shows('Positions 1 to 50')
      await redis.kill()
      await page.shows('Redis does not answer.')
      expect(await page.text()).toContain('Positions 1 to 50')
      expect(await page.barriers()).toEqual([])
      await page.picture('away-board')
      await page.go('#/')
      await page.picture('away-overview')
      await page.go('#/s/shop/streams')
      await page.shows('Try again')
      await page.picture('away-streams')
      await redis.start()
      await until('it says so no more', async () => !(await page.text()).includes('Redis does not answer'))
      await page.shows('warehouse')
    })

    test('pauses while the tab is hidden, and continues', async () => {
      const hide = (hidden: boolean): Promise<unknown> =>
        page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} })
        document.dispatchEvent(new Event('visibilitychange'))`)
      await hide(true)
      await page.shows('Paused')
      await until(
        'no live connection is left',
        () =>
          new Promise((resolve, reject) => {
            server.getConnections((error, count) => (error ? reject(error) : resolve(count <= 1)))
          }),
      )
      await hide(false)
      await page.shows('Live')
    })

    test('a user who loses the role reads so once, and has no button that acts any more', async () => {
      await page.as('ann')
      await page.go('#/s/shop/streams/events')
      await page.shows('Pause')
      demoted = true
      await page.click('Pause: warehouse')
      await page.shows('Your role may only read.', 'ann (may only read)')
      expect(await page.evaluate(ACTING)).toEqual([])
      demoted = false
    })

    test('a user who may only read sees everything and no button that acts', async () => {
      await page.as('bob')
      for (const [hash, text] of [
        ['#/', 'Needs attention'],
        ['#/s/shop/streams/orders', 'Throughput'],
        [`#/s/shop/streams/emails/entries/${busy.waiting}`, '"html"'],
        ['#/s/shop/dead/orders/billing', 'not found'],
        ['#/s/shop/schedules', 'digest'],
        ['#/s/shop/limits/api?subject=eve', 'never by itself'],
        ['#/s/shop/boards/points/members/player-1', 'week'],
        ['#/s/shop/channels/main/order-4100', '"step":0'],
        ['#/s/shop/locks/jobs/nightly', 'Fence'],
        ['#/audit', 'dead.purge'],
      ] as const) {
        await page.go(hash)
        await page.shows(text)
        expect([hash, await page.evaluate(ACTING)]).toEqual([hash, []])
      }
      await page.shows('bob (may only read)')
      await page.picture('viewer')
      await page.as('eve')
      await until('nobody else sees anything', async () => !(await page.text()).includes('penknife'))
    })
  },
)
