/** The text of an input of the form that is submitted. The browser sends nothing: a script acts instead. */
export function submitted(event: SubmitEvent, name: string): string {
  event.preventDefault()
  const text = new FormData(event.target as HTMLFormElement).get(name)
  return typeof text === 'string' ? text : ''
}
