import type { Command } from 'commander'

import { createOutput, type Streams } from './output.ts'
import { type GlobalOptions, type Session, withSession } from './session.ts'

/** What a command does. Resolves with its exit code; undefined: done. */
export type Handler<Options> = (
  session: Session,
  args: readonly (string | undefined)[],
  options: Options,
) => Promise<number | undefined>

/** Makes the action of a command from its handler. */
export type Act = <Options extends object = object>(
  handler: Handler<Options>,
) => (...given: unknown[]) => Promise<void>

/** `ended` gets the exit code. */
export function createAct(streams: Streams, signal: AbortSignal, ended: (code: number) => void): Act {
  return <Options extends object>(handler: Handler<Options>) =>
    async (...given) => {
      const command = given.at(-1) as Command
      const globals = command.optsWithGlobals<GlobalOptions>()
      const output = createOutput(streams, globals, signal)
      const args = command.processedArgs as readonly (string | undefined)[]
      try {
        const code = await withSession(globals, streams.env, output, signal, (session) =>
          handler(session, args, command.opts<Options>()),
        )
        ended(code ?? 0)
      } finally {
        output.progress()
      }
    }
}
