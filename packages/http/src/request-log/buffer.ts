/** Texts in the order of their arrival, within a bound of texts and of bytes. The oldest leave when there is no room. */
export class BoundedBuffer {
  readonly #most: number
  readonly #mostBytes: number
  #texts: string[] = []
  #sizes: number[] = []
  /** Position of the oldest one. */
  #head = 0
  #bytes = 0

  constructor(most: number, mostBytes: number) {
    this.#most = most
    this.#mostBytes = mostBytes
  }

  get size(): number {
    return this.#texts.length - this.#head
  }

  /**
   * Adds a text. Returns how many of the oldest texts left for it; 1 also when the text itself is too large.
   *
   * @param others texts that are elsewhere and count for the bound
   */
  push(text: string, others: { readonly count: number; readonly bytes: number }): number {
    const size = Buffer.byteLength(text)
    const most = this.#most - others.count
    const mostBytes = this.#mostBytes - others.bytes
    let left = 0
    while (this.size > 0 && (this.size >= most || this.#bytes + size > mostBytes)) {
      this.#shift()
      left += 1
    }
    if (most < 1 || size > mostBytes) return left + 1
    this.#texts.push(text)
    this.#sizes.push(size)
    this.#bytes += size
    return left
  }

  /** Takes the oldest texts. One is taken whatever its size. */
  take(most: number, mostBytes: number): { readonly texts: string[]; readonly bytes: number } {
    const texts: string[] = []
    let bytes = 0
    while (this.size > 0 && texts.length < most) {
      const size = this.#sizes[this.#head] as number
      if (texts.length > 0 && bytes + size > mostBytes) break
      bytes += size
      texts.push(this.#shift())
    }
    return { texts, bytes }
  }

  /** Removes all. Returns how many there were. */
  clear(): number {
    const { size } = this
    this.#texts = []
    this.#sizes = []
    this.#head = 0
    this.#bytes = 0
    return size
  }

  #shift(): string {
    const text = this.#texts[this.#head] as string
    this.#bytes -= this.#sizes[this.#head] as number
    this.#texts[this.#head] = ''
    this.#head += 1
    // Copying the rest now and then costs less than moving it each time.
    if (this.#head >= 1024 && this.#head * 2 >= this.#texts.length) {
      this.#texts = this.#texts.slice(this.#head)
      this.#sizes = this.#sizes.slice(this.#head)
      this.#head = 0
    }
    return text
  }
}
