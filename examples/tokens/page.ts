/** The address of the answer is in that of the page, so a page that is reloaded follows it again. */
export const PAGE = `<!doctype html><form><input name="question" autofocus></form><p id="answer"></p><script>
function follow(url) {
  const events = new EventSource(url)
  const answer = document.querySelector('#answer')
  events.addEventListener('output', ({ data }) => { answer.textContent += JSON.parse(data).text })
  events.addEventListener('restart', () => { answer.textContent = '' })
  events.addEventListener('end', () => events.close())
}
document.forms[0].addEventListener('submit', async (event) => {
  event.preventDefault()
  const body = JSON.stringify(event.target.question.value)
  const { url } = await (await fetch('/answers', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })).json()
  document.querySelector('#answer').textContent = ''
  location.hash = url
  follow(url)
})
if (location.hash) follow(location.hash.slice(1))
</script>`
