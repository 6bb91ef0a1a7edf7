/** The texts of process warnings with this code, from now on. */
export function warningsOf(code: string): readonly string[] {
  const heard: string[] = []
  process.on('warning', (warning) => {
    if ((warning as NodeJS.ErrnoException).code === code) heard.push(warning.message)
  })
  return heard
}
