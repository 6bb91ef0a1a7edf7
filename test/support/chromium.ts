import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

import { devToolsPort } from './devtools.ts'
import { startChromium } from '../../scripts/chromium.ts'

export { findChromium } from '../../scripts/chromium.ts'

/** Opens a page for the rest of the test. The page must report its results to its server. Returns the folder of its profile. */
export function openPage(chromium: string, url: string): string {
  const profile = mkdtempSync(join(tmpdir(), 'penknife-chromium-'))
  const browser = startChromium(chromium, profile, url)
  const ended = once(browser, 'close')
  onTestFinished(async () => {
    browser.kill()
    await ended
    // The browser's other processes end a little later, and write there until then.
    await rm(profile, { recursive: true, force: true, maxRetries: 20 })
  })
  return profile
}

/** The same for several pages of one browser. */
export async function openPages(
  chromium: string,
  [first = '', ...others]: readonly string[],
): Promise<string> {
  const profile = openPage(chromium, first)
  const port = await devToolsPort(profile)
  for (const url of others)
    await fetch(`http://127.0.0.1:${port}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' })
  return profile
}
