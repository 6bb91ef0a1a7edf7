import { once } from 'node:events'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import axe from 'axe-core'

import { startChromium } from '../../scripts/chromium.ts'
import { type DevTools, openDevTools } from '../support/devtools.ts'
import { until } from '../support/until.ts'

/** PENKNIFE_SCREENSHOTS=folder: pictures of the screens. */
const PICTURES = process.env['PENKNIFE_SCREENSHOTS']

const COLLECT_FAULTS = `
  globalThis.faults = []
  addEventListener('error', ({ message }) => faults.push(message))
  addEventListener('unhandledrejection', ({ reason }) => faults.push(String(reason)))
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
    faults.push(violatedDirective + ' ' + blockedURI))
`

/** The page of the dashboard in a browser. */
export interface Page {
  readonly tools: DevTools
  /** Runs an expression in the page. */
  evaluate<T>(expression: string): Promise<T>
  go(hash: string): Promise<void>
  /** What a person can read. */
  text(): Promise<string>
  /** Waits until the page shows a text, or all of several. */
  shows(...texts: readonly string[]): Promise<void>
  /** Clicks the first visible button or link with this name. */
  click(name: string | RegExp): Promise<void>
  /** Types into the visible input with this label. */
  fill(label: string, value: string): Promise<void>
  press(key: string): Promise<void>
  /** The user of all requests from now on. */
  as(user: string): Promise<void>
  /** Errors of scripts and violations of the content security policy since the page was opened. */
  faults(): Promise<readonly string[]>
  /** Problems of accessibility that axe calls serious or critical. Of a table it sees nine rows, because the others are like them. */
  barriers(): Promise<readonly string[]>
  /** Sets the colours that the system prefers. */
  prefer(scheme: 'light' | 'dark'): Promise<void>
  /** Takes pictures of the screen: wide and 390 px, light and dark. Only with PENKNIFE_SCREENSHOTS. */
  picture(name: string): Promise<void>
  close(): Promise<void>
}

export async function openDashboard(chromium: string, url: string, user: string): Promise<Page> {
  const profile = mkdtempSync(join(tmpdir(), 'penknife-chromium-'))
  const browser = startChromium(chromium, profile, 'about:blank')
  const ended = once(browser, 'close')
  const tools = await openDevTools(profile, 'about:blank')
  await tools.send('Page.enable')
  await tools.send('Network.enable')
  await tools.send('Page.addScriptToEvaluateOnNewDocument', { source: COLLECT_FAULTS })
  await size(tools, 1280, 900)
  const prefer = (scheme: 'light' | 'dark'): Promise<unknown> =>
    tools.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] })
  const as = async (name: string): Promise<void> => {
    await tools.send('Network.setExtraHTTPHeaders', { headers: { 'x-user': name } })
    await tools.send('Page.navigate', { url: 'about:blank' })
    await tools.send('Page.navigate', { url })
  }
  await as(user)

  async function evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await tools.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as {
      readonly result: { readonly value?: T }
      readonly exceptionDetails?: { readonly exception?: { readonly description?: string } }
    }
    if (exceptionDetails)
      throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? 'failed'}`)
    return result.value as T
  }
  const text = (): Promise<string> => evaluate<string>('document.body?.innerText ?? ""')
  async function shows(...texts: readonly string[]): Promise<void> {
    const shown = `(() => {
      const text = document.body?.innerText ?? ''
      return ${JSON.stringify(texts)}.every((one) => text.includes(one))
    })()`
    try {
      await until(`the page shows ${texts.join(', ')}`, () => evaluate<boolean>(shown), 15_000)
    } catch (error) {
      const seen = (await text()).slice(0, 3000)
      throw new Error(`${(error as Error).message}. It shows:\n${seen}`, { cause: error })
    }
  }
  /** An expression for the first visible element among a selector whose name is this. */
  const element = (selector: string, name: string | RegExp): string => `(() => {
    const name = (one) => (one.getAttribute('aria-label') ?? one.labels?.[0]?.textContent ?? one.textContent).trim()
    const within = document.querySelector('dialog[open]') ?? document
    return [...within.querySelectorAll(${JSON.stringify(selector)})].find((one) =>
      one.checkVisibility() && ${typeof name === 'string' ? `name(one) === ${JSON.stringify(name)}` : `${String(name)}.test(name(one))`})
  })()`

  return {
    tools,
    evaluate,
    text,
    shows,
    as,
    async go(hash) {
      await until('the page is ready', () => evaluate<boolean>('document.querySelector(".app") !== null'))
      await evaluate(`location.hash = ${JSON.stringify(hash)}; 0`)
    },
    async click(name) {
      const target = element('button, a', name)
      await until(
        `'${String(name)}' can be clicked`,
        () => evaluate<boolean>(`${target} !== undefined && !${target}.disabled`),
        10_000,
      )
      await evaluate(`${target}.click()`)
    },
    async fill(label, value) {
      const target = element('input, textarea, select', label)
      await until(`'${label}' can be filled`, () => evaluate<boolean>(`${target} !== undefined`), 10_000)
      await evaluate(`(() => {
        const input = ${target}
        input.value = ${JSON.stringify(value)}
        input.dispatchEvent(new Event('input', { bubbles: true }))
      })()`)
    },
    async press(key) {
      const codes = key === 'Escape' ? { code: 'Escape', windowsVirtualKeyCode: 27 } : { text: key }
      for (const type of ['keyDown', 'keyUp'])
        await tools.send('Input.dispatchKeyEvent', { type, key, ...codes })
    },
    faults: () => evaluate<readonly string[]>('faults'),
    async barriers() {
      if (!(await evaluate<boolean>('"axe" in window'))) await evaluate(axe.source)
      return evaluate<readonly string[]>(`axe
        .run({ exclude: ['tbody tr:nth-child(n + 10)'] }, { resultTypes: ['violations'], preload: false })
        .then(({ violations }) => violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary).join(' | ')))`)
    },
    prefer: async (scheme) => void (await prefer(scheme)),
    async picture(name) {
      if (!PICTURES) return
      mkdirSync(PICTURES, { recursive: true })
      for (const [width, height] of [
        [1280, 900],
        [390, 844],
      ] as const) {
        for (const scheme of ['light', 'dark'] as const) {
          await size(tools, width, height)
          await prefer(scheme)
          const { data } = (await tools.send('Page.captureScreenshot', {
            format: 'png',
            captureBeyondViewport: false,
          })) as { readonly data: string }
          writeFileSync(join(PICTURES, `${name}-${width}-${scheme}.png`), Buffer.from(data, 'base64'))
        }
      }
      await size(tools, 1280, 900)
      await prefer('light')
    },
    async close() {
      browser.kill()
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 20 })
    },
  }
}

async function size(tools: DevTools, width: number, height: number): Promise<void> {
  await tools.send('Emulation.setDeviceMetricsOverride', {
    width,
    height,
    deviceScaleFactor: 1,
    mobile: width < 500,
  })
}
