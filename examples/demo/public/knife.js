/** The handle to click, and the blades: what the last click went through. A folded blade was not reached. */

const handle = document.getElementById('handle')
const [word, note] = handle.children
const blades = new Map([...document.querySelectorAll('.blade')].map((blade) => [blade.dataset.stage, blade]))

export function onClick(listener) {
  handle.addEventListener('click', () => {
    if (handle.getAttribute('aria-disabled') !== 'true') listener()
  })
}

export function showHandle(text, small, disabled) {
  if (word.textContent !== text) word.textContent = text
  if (note.textContent !== small) note.textContent = small
  handle.setAttribute('aria-disabled', String(disabled))
}

/** Opens a blade with text, in which `**…**` marks a value: always as text, never as HTML. */
export function open(stage, text, stopped = false) {
  const blade = blades.get(stage)
  const parts = text.split('**').map((part, at) => {
    if (at % 2 === 0) return part
    const value = document.createElement('b')
    value.textContent = part
    return value
  })
  blade.querySelector('.now').replaceChildren(...parts)
  blade.classList.add('open')
  blade.classList.toggle('stopped', stopped)
}

export function fold(...stages) {
  for (const stage of stages) {
    const blade = blades.get(stage)
    blade.classList.remove('open', 'stopped')
    blade.querySelector('.now').replaceChildren()
  }
}
