import { createHash } from 'node:crypto'

import * as scripts from '../../packages/core/src/redis/scripts.gen.ts'

/** A change to a script of this process, to prove that the checker finds its effect. */
export interface Sabotage {
  /** `stream/settle`. */
  readonly script: string
  /** This part of the script's text … */
  readonly from: string
  /** … becomes this. */
  readonly to: string
}

/** Changes scripts of this process. A script without the part is an error. */
export function sabotageScripts(list: readonly Sabotage[]): void {
  for (const { script, text } of list.map(brokenScript)) {
    Object.assign(script, { text, sha: createHash('sha1').update(text).digest('hex') })
  }
}

/** A script, and its changed text. Throws if the script has no such part. */
export function brokenScript({ script: name, from, to }: Sabotage): { script: object; text: string } {
  const script = Object.values(scripts).find((each) => each.name === name)
  if (!script?.text.includes(from)) throw new Error(`script ${name} has no part '${from}' to break`)
  return { script, text: script.text.replace(from, () => to) }
}
