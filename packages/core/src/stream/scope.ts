import { invalid, PenknifeError } from '../errors.ts'
import { checkName, nearest } from '../options.ts'
import type { Safety } from '../redis/durable.ts'
import type { Keys, Route } from '../redis/keys.ts'
import { runtimeOf, type Runtime, type Space } from '../redis/penknife.ts'
import type { Port } from '../redis/runner.ts'
import type { Arg, Script, SharedArg } from '../redis/script.ts'
import type { Order } from './order.ts'
import type { StreamSettings } from './settings.ts'

/** The message that a group is paused, to its workers: lua/stream/pause.lua. */
export const PAUSED = 'p'
/** The message that an entry of low priority waits, to the workers of its group: lua/stream/add_priority.lua, lua/stream/maintain.lua. */
export const LOW = 'l'
/** The message that a group was reset, to its workers: lua/stream/reset.lua. */
export const RESET = 'n'

/** A stream of a space; the parts of the feature share it. */
export interface Scope {
  readonly space: Space
  readonly runtime: Runtime
  readonly keys: Keys
  readonly route: Route
  /** The stream's name. */
  readonly stream: string
  /** The stream's key. */
  readonly key: string
  /** In every event of the stream. */
  readonly identity: { readonly space: string; readonly name: string }
  /** The groups declared in the options. */
  readonly groups: readonly string[]
  /** Argument of the scripts: the groups of a work queue, '-' for an event log. */
  readonly declared: string
  readonly order: Order | undefined
  /** See `StreamSettings`. */
  readonly keepDead: string
  /** The keys of lua/_lib/stream/places.lua of a group; none without order by key. */
  placesOf(group: string): readonly string[]
  /** The keys of places, and those of outcomes: lua/_lib/stream/outcomes.lua. */
  heldOf(group: string): readonly string[]
  /** The same, and the key of entries of low priority. */
  heldWithLowOf(group: string): readonly string[]
  /** The keys of outcomes and the prefix of their channels; undefined for a stream that keeps none. */
  outcomesOf(group: string): { readonly keys: readonly string[]; readonly channels: string } | undefined
  /** Its name in errors, such as `stream 'orders' of space 'shop'`. */
  readonly title: string
  /** `bind` of the runtime, with errors that name the stream and its space. */
  bind<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
  ): Port<Item, Result>
  /** As `bind`; with `safety` a call resolves when its writes are on the replicas or the disk. */
  bindSafe<Shared extends readonly SharedArg[], Item extends readonly Arg[], Result>(
    script: Script<Shared, Item, Result>,
    shared: Shared,
    safety: Safety | undefined,
  ): Port<Item, Result>
  /**
   * The group of a work queue with one.
   *
   * @throws PENKNIFE_INVALID for another stream; `what` is the option or method.
   */
  onlyGroup(what: string): string
  /** Refuses the name of a group that the stream cannot have. */
  checkGroup(group: string): string
}

export function createScope(
  space: Space,
  stream: string,
  {
    groups,
    declared,
    order,
    keepDead,
  }: Pick<StreamSettings<unknown, unknown>, 'groups' | 'declared' | 'order' | 'keepDead'>,
): Scope {
  const runtime = runtimeOf(space)
  const { keys } = runtime
  const title = `stream '${stream}' of space '${space.name}'`
  const heldOf = (group: string): readonly string[] => [
    keys.busyPlaces(stream, group),
    keys.queued(stream, group),
    keys.results(stream, group),
    keys.resultsDue(stream, group),
  ]
  return {
    space,
    runtime,
    keys,
    route: keys.route,
    stream,
    key: keys.stream(stream),
    identity: { space: space.name, name: stream },
    groups,
    declared,
    order,
    keepDead,
    placesOf: (group) => (order ? [keys.busyPlaces(stream, group), keys.queued(stream, group)] : []),
    heldOf,
    heldWithLowOf: (group) => [...heldOf(group), keys.low(stream, group)],
    outcomesOf: (group) =>
      declared === group
        ? {
            keys: [keys.results(stream, group), keys.resultsDue(stream, group)],
            channels: keys.outcomes(stream, group),
          }
        : undefined,
    title,
    bind: (script, shared) => runtime.bind(script, shared, undefined, title),
    bindSafe: (script, shared, safety) =>
      safety
        ? runtime.bindDurable(script, shared, safety, title)
        : runtime.bind(script, shared, undefined, title),
    onlyGroup(what) {
      const [group, ...others] = groups
      if (declared !== '-' && group !== undefined && others.length === 0) return group
      const fix =
        "a work queue with one group, such as { groups: ['billing'] }; give each group a stream of its own"
      throw new PenknifeError('PENKNIFE_INVALID', `${what} of ${title} needs ${fix}`, { option: what })
    },
    checkGroup(group) {
      checkName('group', group)
      if (declared === '-' || groups.includes(group)) return group
      const near = nearest(group, groups)
      const fix = near ? `did you mean '${near}'?` : `its groups are ${groups.join(', ')}`
      throw invalid('group', group, `${title} is a work queue that does not declare it; ${fix}`)
    },
  }
}
