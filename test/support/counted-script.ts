import type { AnyScript } from './script-calls.ts'

/** Part of the error of a script that takes more steps than it may. */
export const TOO_MANY = 'took more steps than'

/** KEYS is the only table that functions of a script reach without a name of their own: their number is limited. */
const counter = (most: number): string => `
local steps = 0
function KEYS.step(more)
  steps = steps + (more or 1)
  if steps > ${most} then error('${TOO_MANY} ${most}', 0) end
end
local function counting(command)
  return function(...)
    local reply = command(...)
    KEYS.step(type(reply) == 'table' and 1 + #reply or 1)
    return reply
  end
end
KEYS.call, KEYS.pcall = counting(redis.call), counting(redis.pcall)
`

/**
 * The text of a script that fails when one call takes more than `most` steps. A step is a round of a loop, a command, or an element of a
 * command's reply.
 */
export function countedText({ name, text }: AnyScript, most: number): string {
  const loops = text.match(/\bdo\b/g)?.length ?? 0
  const rounds = text.match(/\bdo$/gm)?.length ?? 0
  // A word `do` elsewhere: in the line of a loop that is all in one line, or in a text.
  if (rounds !== loops)
    throw new Error(`${name} has loops that cannot be counted: end the line behind each do`)
  const [, shebang = '', rest = ''] = /^(#!.*\n)?([^]*)$/.exec(text) ?? []
  const counted = rest.replaceAll(/\bdo$/gm, 'do KEYS.step()').replaceAll(/\bredis\.(p?call)\b/g, 'KEYS.$1')
  return shebang + counter(most) + counted
}
