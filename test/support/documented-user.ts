import { readFileSync } from 'node:fs'

/** The rights of the locked-down user of docs/operations.md, as ACL SETUSER takes them after the user's name. */
export function documentedRights(): readonly string[] {
  const text = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const [, setuser = ''] = /```\nACL SETUSER app ([^`]+)```/.exec(text) ?? []
  if (setuser === '') throw new Error('docs/operations.md shows no ACL SETUSER app')
  return setuser.trim().split(/\s+/)
}

/** The commands that it may run, such as `+get` and `+memory|usage`. */
export function documentedCommands(): readonly string[] {
  return documentedRights().filter((right) => right.startsWith('+'))
}
