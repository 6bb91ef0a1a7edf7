/** JSON with indentation. JSON that parsing would change, such as numbers beyond 2^53, stays as it is; so does what is no JSON. */
export function indented(json: string): string {
  try {
    const value: unknown = JSON.parse(json)
    return JSON.stringify(value) === json ? JSON.stringify(value, undefined, 2) : json
  } catch {
    return json
  }
}
