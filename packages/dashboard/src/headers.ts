/** Of every response. */
const SECURITY = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const

/** Of the page and of the API. */
export const PRIVATE: Readonly<Record<string, string>> = { ...SECURITY, 'Cache-Control': 'no-store' }

/** Of files whose names have a hash of their content. */
export const HASHED: Readonly<Record<string, string>> = {
  ...SECURITY,
  'Cache-Control': 'private, max-age=31536000, immutable',
}
