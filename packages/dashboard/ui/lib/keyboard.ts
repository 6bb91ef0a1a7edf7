import { useEffect, useRef } from 'preact/hooks'

export interface Shortcut {
  /** One key, or `g` and a key. */
  readonly keys: readonly [string] | readonly ['g', string]
  readonly text: string
  readonly run: () => void
}

/** How long after `g` the second key counts. */
const SEQUENCE_MS = 1500

/** Runs shortcuts, except while the user types or a dialog is open. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  // The component is drawn again with every live reading, also between the two keys.
  const startedAt = useRef(-Infinity)
  useEffect(() => {
    function pressed(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
      const { target, key, timeStamp } = event
      if (target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
        if (key === 'Escape') target.blur()
        return
      }
      const second = timeStamp - startedAt.current < SEQUENCE_MS
      startedAt.current = -Infinity
      if (!second && key === 'g') {
        startedAt.current = timeStamp
        return
      }
      const found = shortcuts.find(({ keys }) =>
        second ? keys.length === 2 && keys[1] === key : keys.length === 1 && keys[0] === key,
      )
      if (!found) return
      event.preventDefault()
      found.run()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  })
}

/** Moves the focus to the next or the previous link in the first column of the tables. */
export function moveInTables(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>('.table td:first-child a')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  const next = at === -1 ? (by === 1 ? 0 : links.length - 1) : at + by
  links[next]?.focus()
}

export function focusSearch(): void {
  document.querySelector<HTMLElement>('[data-search]')?.focus()
}
