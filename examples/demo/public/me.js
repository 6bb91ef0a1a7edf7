/** What this browser remembers: a secret id, the visitor's name, and the last event it saw. */

const ADJECTIVES =
  'Amber Brisk Calm Candid Copper Deft Eager Gentle Keen Lucid Mellow Nimble Plucky Quiet Rustic Steady Sunny Swift Tidy Witty'
const ANIMALS =
  'Badger Crane Dormouse Falcon Finch Gecko Hare Heron Ibex Jackdaw Kestrel Lynx Marten Newt Otter Plover Robin Stoat Tern Vole'

export function remembered(key) {
  try {
    return localStorage.getItem(`penknife.${key}`)
  } catch {
    return null
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(`penknife.${key}`, value)
  } catch {
    // Private windows may refuse: the page then forgets at the next load.
  }
}

function pick(words) {
  const list = words.split(' ')
  return list[Math.floor(Math.random() * list.length)]
}

function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
}

function once(key, make) {
  const value = remembered(key) ?? make()
  remember(key, value)
  return value
}

export const me = {
  id: once('id', randomId),
  name: once('name', () => `${pick(ADJECTIVES)} ${pick(ANIMALS)}`),
  rename(name) {
    me.name = name
    remember('name', name)
  },
}
