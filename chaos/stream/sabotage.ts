import { createHash } from 'node:crypto'

import * as scripts from '../../packages/core/src/redis/scripts.gen.ts'
import type { Sabotage } from './plan.ts'

/** Breaks scripts of this process. One that no longer has the part to be broken is an error. */
export function sabotageScripts(list: readonly Sabotage[]): void {
  for (const { script: name, from, to } of list) {
    const script = Object.values(scripts).find((each) => each.name === name)
    if (!script?.text.includes(from)) throw new Error(`script ${name} has no part '${from}' to break`)
    const text = script.text.replace(from, () => to)
    Object.assign(script, { text, sha: createHash('sha1').update(text).digest('hex') })
  }
}
