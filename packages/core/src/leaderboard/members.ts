import { invalid } from '../errors.ts'
import { checkText } from '../options.ts'
import { isWellFormed } from '../text.ts'

const LONGEST_MEMBER = 256
const MOST_MEMBERS = 1000

export function checkMember(member: string): string {
  return checkText('member', member, LONGEST_MEMBER)
}

/** Checks a member to be removed, whose name another program may have chosen. */
export function checkAnyMember(member: string): string {
  if (typeof member !== 'string' || member === '' || !isWellFormed(member)) {
    throw invalid('member', member, 'give text that is not empty and well-formed Unicode')
  }
  return member
}

export function checkMembers(members: readonly string[]): readonly string[] {
  if (!Array.isArray(members) || members.length > MOST_MEMBERS) {
    throw invalid('members', members, `give a list of at most ${MOST_MEMBERS} members`)
  }
  for (const member of members) checkMember(member as string)
  return members
}
