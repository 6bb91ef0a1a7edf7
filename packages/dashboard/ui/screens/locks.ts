import type { InspectedLock } from '@penknife/core'
import type { VNode } from 'preact'

import { AskButton } from '../components/actions.ts'
import { Empty, loaded, Panel } from '../components/basics.ts'
import { Screen } from '../components/screen.ts'
import { State, toneOf } from '../components/states.ts'
import { Text } from '../components/text.ts'
import { act } from '../lib/api.ts'
import { count, duration } from '../lib/format.ts'
import { submitted } from '../lib/form.ts'
import { html } from '../lib/html.ts'
import { useLoad } from '../lib/load.ts'
import { go, link } from '../lib/router.ts'
import { Objects } from './objects.ts'
import type { SpaceScreenProps } from './props.ts'

/** `locks`, `locks/<lock>`, `locks/<lock>/<key>` */
export function LocksScreen({ space, rest, query }: SpaceScreenProps): VNode {
  const [lock, key] = rest
  if (lock !== undefined) return html`<${Lock} space=${space} lock=${lock} lockKey=${key} />`
  return html`<${Screen} title="Locks" sub="Each lock has any number of keys">
    <${Objects}
      space=${space}
      query=${query}
      read="locks"
      section="locks"
      title="Locks"
      head="Lock"
      empty="No lock in this space"
    />
  <//>`
}

interface LockProps {
  readonly space: string
  readonly lock: string
  readonly lockKey: string | undefined
}

function Lock({ space, lock, lockKey }: LockProps): VNode {
  const state = useLoad('lock', lockKey === undefined ? undefined : { space, lock, key: lockKey })
  function look(event: SubmitEvent): void {
    const key = submitted(event, 'key')
    if (key !== '') go(link(['s', space, 'locks', lock, key]))
  }
  return html`<${Screen} title=${lock} crumbs=${[{ text: 'Locks', href: link(['s', space, 'locks']) }]}>
    <${Panel} title="Key">
      <div class="body">
        <form class="field-row" key=${lockKey} onSubmit=${look}>
          <div class="field">
            <label for="lock-key">Key</label>
            <input id="lock-key" name="key" value=${lockKey ?? ''} data-search autocomplete="off" />
          </div>
          <button type="submit" class="primary">Look up</button>
        </form>
      </div>
      ${lockKey === undefined ? html`<${Empty} title="Who has the lock?">Keys are not listed: type one to see its holder.<//>` : null}
    <//>
    ${
      lockKey === undefined
        ? null
        : loaded(
            state,
            (found) => html`<${Holder} space=${space} lock=${lock} of=${found} after=${state.reload} />`,
          )
    }
  <//>`
}

interface HolderProps {
  readonly space: string
  readonly lock: string
  readonly of: InspectedLock
  readonly after: () => void
}

function Holder({
  space,
  lock,
  of: { key, reason, text, holder, fence, changesInMs, waiting },
  after,
}: HolderProps): VNode {
  return html`<${Panel}
    title="State"
    actions=${
      fence === undefined || reason !== 'held'
        ? null
        : html`<${AskButton}
            label="Force release"
            danger
            question=${() => ({
              title: 'Release the lock of another process?',
              body: html`Its holder continues until it notices, at its next renewal. Until then two holders
              may work at the same time, unless their writes check the fence. Release it only if the holder
              hangs.`,
              confirm: 'Release lock',
              danger: true,
              act: () => act('lock.release', { space, lock, key, fence }),
              after,
            })}
          />`
    }
  >
    <div class="body">
      <div class=${`why ${toneOf(reason)}`}>
        <div><${State} of=${reason} /></div>
        <p><${Text} value=${text} most=${400} /></p>
      </div>
    </div>
    <div class="body">
      <dl class="facts">
        <dt>Key</dt>
        <dd><${Text} value=${key} most=${120} /></dd>
        ${
          holder === undefined
            ? null
            : html`<dt>Holder</dt>
                <dd><${Text} value=${holder} most=${120} /></dd>`
        }
        ${
          fence === undefined
            ? null
            : html`<dt>Fence</dt>
                <dd><code>${String(fence)}</code></dd>`
        }
        ${
          reason === 'held'
            ? html`<dt>Lease ends</dt>
                <dd>in ${duration(changesInMs)}, unless it is renewed</dd>`
            : null
        }
        <dt>Callers that wait</dt>
        <dd>${count(waiting)}</dd>
      </dl>
    </div>
  <//>`
}
