import { invalid } from '../errors.ts'
import { checkText } from '../options.ts'

const LONGEST_MEMBER = 256
const MOST_MEMBERS = 1000

export function checkMember(member: string): string {
  checkText('member', member, LONGEST_MEMBER)
  // Half of a pair would become another character on its way to Redis.
  if (/\p{Surrogate}/u.test(member)) throw invalid('member', member, 'give well-formed Unicode text')
  return member
}

export function checkMembers(members: readonly string[]): readonly string[] {
  if (!Array.isArray(members) || members.length > MOST_MEMBERS) {
    throw invalid('members', members, `give a list of at most ${MOST_MEMBERS} members`)
  }
  for (const member of members) checkMember(member as string)
  return members
}
