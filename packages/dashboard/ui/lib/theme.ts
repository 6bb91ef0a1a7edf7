import { useState } from 'preact/hooks'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'penknife-theme'
const ORDER: readonly Theme[] = ['system', 'light', 'dark']

function stored(): Theme {
  try {
    const found = localStorage.getItem(KEY)
    return found === 'light' || found === 'dark' ? found : 'system'
  } catch {
    // A browser may refuse storage.
    return 'system'
  }
}

function apply(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
}

/** Before the first drawing, so that the page does not flash. */
export function applyStoredTheme(): void {
  apply(stored())
}

/** The theme, and the function that chooses the next one. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState(stored)
  return [
    theme,
    () => {
      const next = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length] ?? 'system'
      apply(next)
      setTheme(next)
      try {
        localStorage.setItem(KEY, next)
      } catch {
        // It then lasts as long as the page.
      }
    },
  ]
}
