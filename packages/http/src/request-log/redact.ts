/** Replaces secrets in text of clients and of errors. */
export const REDACTED = '[redacted]'

/** Parts of a name that make it the name of a secret, without separators. */
const SECRET_PART =
  /token|secret|passw|passphrase|passcode|pwd|apikey|accesskey|privatekey|signature|authorization|authentication|cookie|session|credential|jwt|bearer|csrf|xsrf/
/** Whole names. */
const SECRET_NAMES = new Set(['auth', 'code', 'key', 'otp', 'pass', 'pin', 'sid', 'sig', 'ticket', 'hmac'])

/** Whether something of this name is a secret. Case and separators do not matter: `X-Api-Key`, `api_key`, `user[apiKey]`. */
export function isSecretName(name: string): boolean {
  const plain = plainName(isEncoded(name) ? decodeOnce(name) : name)
  return SECRET_NAMES.has(plain) || isSecretPart(plain)
}

function isSecretPart(plain: string): boolean {
  return SECRET_PART.test(plain)
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z\d]/g, '')
}

/** Text without any of these has no secret that `redact` recognises. */
const SUSPICIOUS = /[=:%@\\]|eyJ|bearer|basic |--/i
/** A name and the separator before its value. */
const NAMED = /([\w.\-[\]$]{1,100})["']?\s{0,3}([=:])\s{0,3}/g
/** Schemes of an Authorization header and their credentials, also without the header's name. */
const SCHEME = /\b(bearer|basic|negotiate|digest)\s{1,3}[\w.~+/=-]{4,}/gi
const JWT = /\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}/g
const USER_INFO = /((?:^|[:\s])\/\/)[^/?#\s@]{1,256}@/g
/** An option of a command line and its value. */
const OPTION = /(--[\w-]{1,100})\s{1,3}[^\s-]\S{0,500}/g
/** The end of a value that is not quoted. */
const VALUE_END = /[&;,#\s"'<>()]/
const HEADER_OF_SECRETS = /^(?:proxy-?)?authorization$|^(?:set-?)?cookie2?$/i
/** Encoded text is decoded as often as that. What is still encoded then is hidden. */
const MOST_DECODED = 5

/**
 * The text without secrets: values of secret names (`token=…`, `"password": "…"`), credentials (`Bearer …`, JSON Web Tokens) and users
 * in URLs. It sees through percent-encoding, also a repeated one. Text in which only decoding shows a secret is returned decoded.
 */
export function redact(text: string): string {
  if (!SUSPICIOUS.test(text)) return text
  const plain = redactPlain(text)
  if (!isEncoded(text)) return plain
  let decoded = text
  for (let round = 0; round < MOST_DECODED; round++) {
    const next = decodeOnce(decoded)
    if (next === decoded) return plain
    decoded = next
    const cleaned = redactPlain(decoded)
    if (cleaned !== decoded) return redact(cleaned)
  }
  return REDACTED
}

function isEncoded(text: string): boolean {
  return text.includes('%') || text.includes('\\u00')
}

/** Decodes the encoded ASCII characters of a text (`%65`, `\\u0065`), which all names and separators consist of. Never throws. */
function decodeOnce(text: string): string {
  return text.replace(/(?:%|\\u00)([0-7][\da-f])/gi, (_all, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

function redactPlain(text: string): string {
  const named = redactNamed(text)
  const options = named.includes('--')
    ? named.replace(OPTION, (all, name: string) => (isSecretName(name) ? `${name} ${REDACTED}` : all))
    : named
  return options.replace(SCHEME, `$1 ${REDACTED}`).replace(JWT, REDACTED).replace(USER_INFO, `$1${REDACTED}@`)
}

function redactNamed(text: string): string {
  let result = ''
  let kept = 0
  NAMED.lastIndex = 0
  for (let found = NAMED.exec(text); found; found = NAMED.exec(text)) {
    const from = NAMED.lastIndex
    const name = found[1] as string
    // Sentences have `code: 5` and `key: a`. Parameters have `code=5`.
    if (!(found[2] === '=' ? isSecretName(name) : isSecretPart(plainName(name)))) continue
    const to = valueEnd(text, from, HEADER_OF_SECRETS.test(name))
    if (to === from || text.startsWith(REDACTED, from)) continue
    result += text.slice(kept, from) + REDACTED
    kept = to
    NAMED.lastIndex = to
  }
  return kept === 0 ? text : result + text.slice(kept)
}

/** Where a value ends: after its quotes, at the end of the line for headers that consist of secrets, or before a separator. */
function valueEnd(text: string, from: number, wholeLine: boolean): number {
  const quote = text[from]
  if (quote === '"' || quote === "'") {
    let close = from + 1
    // An escaped quote does not end it.
    while (close < text.length && text[close] !== quote) close += text[close] === '\\' ? 2 : 1
    return Math.min(close + 1, text.length)
  }
  const rest = text.slice(from)
  const end = rest.search(wholeLine ? /[\r\n]/ : VALUE_END)
  return end < 0 ? text.length : from + end
}
