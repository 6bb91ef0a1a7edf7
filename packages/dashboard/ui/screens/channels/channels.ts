import type { VNode } from 'preact'

import { AskButton } from '../../components/actions.ts'
import { Empty, Panel } from '../../components/basics.ts'
import { Screen } from '../../components/screen.ts'
import type { Values } from '../../lib/actions.ts'
import { act } from '../../lib/api.ts'
import { submitted } from '../../lib/form.ts'
import { html } from '../../lib/html.ts'
import { go, link } from '../../lib/router.ts'
import { Objects } from '../objects.ts'
import type { SpaceScreenProps } from '../props.ts'
import { Channel } from './channel.ts'

/** `channels`, `channels/<notifier>`, `channels/<notifier>/<channel>` */
export function ChannelsScreen({ space, rest, query }: SpaceScreenProps): VNode {
  const [notifier, channel] = rest
  if (notifier !== undefined && channel !== undefined)
    return html`<${Channel} space=${space} notifier=${notifier} channel=${channel} query=${query} />`
  if (notifier !== undefined) return html`<${Notifier} space=${space} notifier=${notifier} />`
  return html`<${Screen}
    title="Channels"
    sub="Notifiers: each has any number of channels, with a history of events"
  >
    <${Objects}
      space=${space}
      query=${query}
      read="notifiers"
      section="channels"
      title="Notifiers"
      head="Notifier"
      empty="No notifier in this space"
    />
  <//>`
}

/** Channels are not listed: the user types the name of one. */
function Notifier({ space, notifier }: { readonly space: string; readonly notifier: string }): VNode {
  function open(event: SubmitEvent): void {
    const name = submitted(event, 'channel')
    if (name !== '') go(link(['s', space, 'channels', notifier, name]))
  }
  return html`<${Screen}
    title=${notifier}
    crumbs=${[{ text: 'Channels', href: link(['s', space, 'channels']) }]}
    actions=${html`<${AskButton}
      label="Revoke a user"
      danger
      question=${() => ({
        title: 'End the rights of a user?',
        body: 'The connections of this user that follow the channels end. The user may connect again if the application allows it.',
        fields: [
          { name: 'user', label: 'User' },
          {
            name: 'channels',
            label: 'Channels',
            hint: 'Separated by commas. Empty: all channels.',
            required: false,
          },
        ],
        confirm: 'Revoke',
        danger: true,
        act: ({ user = '', channels = '' }: Values) => {
          const names = channels
            .split(',')
            .map((name) => name.trim())
            .filter((name) => name !== '')
          return act('notifier.revoke', {
            space,
            notifier,
            user,
            ...(names.length > 0 ? { channels: names } : {}),
          })
        },
        after: () => {},
      })}
    />`}
  >
    <${Panel} title="Open a channel">
      <div class="body">
        <form class="field-row" onSubmit=${open}>
          <div class="field">
            <label for="channel">Channel</label>
            <input id="channel" name="channel" data-search autocomplete="off" />
          </div>
          <button type="submit" class="primary">Open</button>
        </form>
      </div>
      <${Empty} title="Channels are not listed">Type the name of a channel to see its history.<//>
    <//>
  <//>`
}
