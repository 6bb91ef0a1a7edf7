import type { VNode } from 'preact'

import { Empty, loaded, Panel, Time } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import { DataBlock, Text } from '../../components/text.ts'
import { isGone } from '../../lib/api.ts'
import { html } from '../../lib/html.ts'
import { useLoad } from '../../lib/load.ts'
import { link } from '../../lib/router.ts'
import type { OfGroup } from './act-on-letters.ts'
import { LetterActions } from './letter-actions.ts'

/** One dead letter. */
export function Letter({ space, stream, group, position }: OfGroup & { readonly position: string }): VNode {
  const letter = useLoad('dead-letter', { space, stream, group, position })
  const letters = link(['s', space, 'dead', stream, group])
  return html`<${Screen}
    title=${`Letter ${position}`}
    crumbs=${[
      { text: 'Dead letters', href: link(['s', space, 'dead']) },
      { text: stream, href: link(['s', space, 'streams', stream]) },
      { text: group, href: letters },
    ]}
    sub=${letter.data ? html`Died <${Time} atMs=${letter.data.diedAtMs} />` : null}
    actions=${
      letter.data && !isGone(letter.failure)
        ? html`<${LetterActions}
            space=${space}
            stream=${stream}
            letter=${letter.data}
            after=${letter.reload}
          />`
        : null
    }
  >
    ${
      isGone(letter.failure)
        ? html`<div class="panel">
            <${Empty} title="The letter is not there any more">
              Somebody requeued or purged it. <a href=${letters}>Go to the letters of the group</a>
            <//>
          </div>`
        : loaded(
            letter,
            ({ id, key, attempts, why, reason, error, traceparent, payload }) =>
              html`<div class="why bad">
                  <div><span class="badge bad">${why.replace('-', ' ')}</span></div>
                  <p class="mono"><${Text} value=${reason} most=${600} lines=${true} /></p>
                </div>
                <div class="columns">
                  <${Panel} title="Payload"><${DataBlock} data=${payload} label="Payload" /><//>
                  <${Panel} title="Facts">
                    <div class="body">
                      <dl class="facts">
                        <dt>Entry</dt>
                        <dd>
                          <a class="mono" href=${link(['s', space, 'streams', stream, 'entries', id])}
                            >${id}</a
                          >
                        </dd>
                        <dt>Attempts</dt>
                        <dd>${attempts}</dd>
                        ${
                          key === undefined
                            ? null
                            : html`<dt>Key</dt>
                                <dd><${Text} value=${key} /></dd>`
                        }
                        ${
                          traceparent === undefined
                            ? null
                            : html`<dt>Trace</dt>
                                <dd class="mono"><${Text} value=${traceparent} /></dd>`
                        }
                        <dt>Like it</dt>
                        <dd>
                          <a href=${link(['s', space, 'dead', stream, group, 'letters'], { error, why })}
                            >Letters with this error</a
                          >
                        </dd>
                      </dl>
                    </div>
                  <//>
                </div>`,
          )
    }
  <//>`
}
